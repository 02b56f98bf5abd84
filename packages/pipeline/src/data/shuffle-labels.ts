/** The label-shuffle control: who learns from labels that mean nothing must score chance. */
import { Random } from "@slicestack/stats";

/**
 * Subjects exchange their labels: those of their volumes are written down subject by subject, in a random order of the
 * subjects, and dealt out in the order as they stand. Each class keeps its number of volumes, and volumes of one subject
 * mostly stay alike.
 * @param part so that two parts are not shuffled alike   @returns the same volumes with other labels
 */
export function shuffleLabels<T extends { subject: string; label: number }>(
  volumes: readonly T[],
  seed: number,
  part: string,
): T[] {
  const bySubject = new Map<string, T[]>();
  for (const volume of volumes) {
    const own = bySubject.get(volume.subject);
    if (own === undefined) bySubject.set(volume.subject, [volume]);
    else own.push(volume);
  }
  const subjects = [...bySubject.values()];
  const random = new Random(seed).fork(`shuffle labels of ${part}`);
  const dealt = random.shuffle([...subjects]).flatMap((own) => own.map(({ label }) => label));
  const labelOf = new Map(subjects.flat().map((volume, k) => [volume, dealt[k]!]));
  return volumes.map((volume) => ({ ...volume, label: labelOf.get(volume)! }));
}
