/** Counts of a part of the split. */

/** Subjects and volumes of one part of the split. */
export interface PartCounts {
  part: string;
  subjects: number;
  volumes: number;
  /** one entry per class; a subject with volumes of two classes counts in both */
  byClass: { subjects: number; volumes: number }[];
}

/** Counts a part of the split by class. @param rows one entry per volume, label 0..C-1 */
export function countPart(
  part: string,
  rows: readonly { subject: string; label: number }[],
  classes: number,
): PartCounts {
  const subjectsOf = (selected: readonly { subject: string }[]) =>
    new Set(selected.map(({ subject }) => subject)).size;
  const byClass = Array.from({ length: classes }, (_, c) => {
    const classRows = rows.filter(({ label }) => label === c);
    return { subjects: subjectsOf(classRows), volumes: classRows.length };
  });
  return { part, subjects: subjectsOf(rows), volumes: rows.length, byClass };
}
