/** Splits a wide table into groups of columns, so that each part fits on a line. */

/**
 * Groups of columns beside the first `keys` columns, which every part repeats; at least one column per part.
 * @param room characters on a line   @param gap characters between two columns
 */
export function columnGroups(
  rows: readonly (readonly string[])[],
  { keys, room, gap }: { keys: number; room: number; gap: number },
): number[][] {
  const count = rows[0]?.length ?? 0;
  const width = (k: number) => gap + Math.max(...rows.map((row) => [...(row[k] ?? "")].length));
  const left = Array.from({ length: keys }, (_, k) => width(k)).reduce(
    (sum, columnWidth) => sum + columnWidth,
    0,
  );
  const groups: number[][] = [];
  let used = Infinity;
  for (let k = keys; k < count; k++) {
    if (used + width(k) > room) {
      groups.push([]);
      used = left;
    }
    groups.at(-1)!.push(k);
    used += width(k);
  }
  return groups.length === 0 ? [[]] : groups;
}
