/** Detects subjects that are placeholders, which de-identification writes in place of a name. */
import type { LabelledVolume, SourceVolume } from "./source.js";

const PLACEHOLDER =
  /^(anonym(ous|i[sz]ed|e)?|anon|de-?identified|unknown|unnamed|no ?(name|id)|none|null|patient|subject|test|removed|redacted|x+|0+|[-_?.]+)$/i;

/** A split puts all volumes of one placeholder into one part; without subjects, one person may be in several parts. */
export function subjectWarnings(
  volumes: readonly LabelledVolume[],
  nameless: readonly SourceVolume[],
): string[] {
  const counts = new Map<string, number>();
  for (const { subject } of volumes) counts.set(subject, (counts.get(subject) ?? 0) + 1);
  const placeholders = [...counts].filter(
    ([subject, count]) => count > 1 && PLACEHOLDER.test(subject.trim()),
  );
  const [first] = nameless;
  return [
    ...placeholders.map(
      ([subject, count]) =>
        `${count} of ${volumes.length} volumes have the subject "${subject}", which looks like a placeholder: a split keeps them together; name the persons in a subject column of the labels file`,
    ),
    ...(first === undefined
      ? []
      : [
          `${nameless.length} of ${volumes.length} volumes have no subject in the labels file${exampleOf(first)}: each counts as a separate person, so one person may be in both train and test`,
        ]),
  ];
}

/** Folders of DICOM files may have the names of patients, and warnings are kept. */
const exampleOf = ({ path, input }: SourceVolume): string =>
  input.kind === "dicom" ? ", and no PatientID" : ` (such as ${path})`;
