/** Subjects that are no persons: what de-identification writes in the place of a name. */
import type { LabelledVolume, SourceVolume } from "./source.js";

const PLACEHOLDER =
  /^(anonym(ous|i[sz]ed|e)?|anon|de-?identified|unknown|unnamed|no ?(name|id)|none|null|patient|subject|test|removed|redacted|x+|0+|[-_?.]+)$/i;

/** Split by subject, all of them land in one part; without any, one person may be in several. */
export function subjectWarnings(volumes: readonly LabelledVolume[], nameless: readonly SourceVolume[]): string[] {
  const counts = new Map<string, number>();
  for (const { subject } of volumes) counts.set(subject, (counts.get(subject) ?? 0) + 1);
  const placeholders = [...counts].filter(([subject, count]) => count > 1 && PLACEHOLDER.test(subject.trim()));
  const [first] = nameless;
  return [
    ...placeholders.map(
      ([subject, count]) =>
        `${count} of ${volumes.length} volumes are of the subject "${subject}", which looks like a placeholder: a split keeps them together; name the persons in a column subject of the labels file`,
    ),
    ...(first === undefined
      ? []
      : [
          `${nameless.length} of ${volumes.length} volumes have no subject in the labels file (such as ${first.path}): each counts as a person, so that one person may be in train and in test`,
        ]),
  ];
}
