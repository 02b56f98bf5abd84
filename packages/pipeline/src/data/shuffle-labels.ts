/** The label-shuffle control: a model that is trained on meaningless labels must score at chance. */
import { Random } from "@slicestack/stats/internal/applied";

/**
 * Subjects exchange their labels: the labels of their volumes are listed subject by subject, in a random order of the
 * subjects, and assigned in the original order. Each class keeps its number of volumes, and the volumes of one subject
 * mostly keep equal labels.
 * @param part makes the shuffles of two parts differ   @returns the same volumes with other labels
 */
export function shuffleLabels<T extends { subject: string; label: number }>(
  volumes: readonly T[],
  seed: number,
  part: string,
): T[] {
  const bySubject = new Map<string, T[]>();
  for (const volume of volumes) {
    const sameSubject = bySubject.get(volume.subject);
    if (sameSubject === undefined) bySubject.set(volume.subject, [volume]);
    else sameSubject.push(volume);
  }
  const subjects = [...bySubject.values()];
  const random = new Random(seed).fork(`shuffle labels of ${part}`);
  const dealt = random.shuffle([...subjects]).flatMap((sameSubject) => sameSubject.map(({ label }) => label));
  const labelOf = new Map(subjects.flat().map((volume, k) => [volume, dealt[k]!]));
  return volumes.map((volume) => ({ ...volume, label: labelOf.get(volume)! }));
}
