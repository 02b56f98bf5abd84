import { message, named } from "../message.js";
import { oneSlice, theirNames, type DicomSlice } from "./image.js";
import { refusal } from "./refusal.js";

/** The attributes that distinguish two acquisitions, or two phases of one. */
const MARKS: readonly (readonly [string, (slice: DicomSlice) => string | number | undefined])[] = [
  ["TemporalPosition", (slice: DicomSlice) => slice.temporalPosition],
  ["AcquisitionNumber", (slice: DicomSlice) => slice.acquisitionNumber],
  ["ContentTime", (slice: DicomSlice) => slice.contentTime],
  ["AcquisitionTime", (slice: DicomSlice) => slice.acquisitionTime],
];

/** Times differ from slice to slice in any case; only numbers show that acquisitions alternate. */
const NUMBERS = MARKS.slice(0, 2);

/**
 * Refuses a series whose positions repeat (two acquisitions, or one slice exported twice), or in which acquisitions
 * alternate along the normal. One acquisition after the other along the table is one volume.
 * @param along position of each slice along the normal in mm, increasing  @param same slices closer than this, in mm,
 *   share a position
 * @throws DicomSeriesError
 */
export function checkAcquisitions(
  seriesUid: string,
  slices: readonly DicomSlice[],
  along: readonly number[],
  same: number,
  acquisition: number | "any" | undefined,
): void {
  const repeated = groupsAt(slices, along, same).filter((group) => group.length > 1);
  const split = "Export each acquisition as a separate series.";

  if (repeated.length > 0) {
    const group = repeated[0] as DicomSlice[];
    const where = message`${placeText(group[0] as DicomSlice)}: ${theirNames(group)}`;
    const mark = MARKS.find(([, read]) => repeated.every((one) => allDiffer(one.map(read))));
    if (mark !== undefined) {
      const [name, read] = mark;
      const repeats = counted(repeated.length, "position repeats", "positions repeat");
      // Times of day identify an examination, so they are treated like names.
      const values = named(` (${group.map(read).join(", ")})`, "");
      const problem = message`it holds several acquisitions: ${repeats} with another ${name}${values}, first at ${where}`;
      throw refusal(seriesUid, "mixed-acquisitions", repeated.flat(), problem, split);
    }
    const holds = counted(repeated.length, "position holds", "positions hold");
    const problem = message`${holds} several slices, first ${where}`;
    throw refusal(
      seriesUid,
      "duplicate-positions",
      repeated.flat(),
      problem,
      "Remove the files that were exported twice, or export the series again.",
    );
  }
  if (acquisition === "any") return;
  for (const [name, read] of NUMBERS) {
    const values = slices.map(read);
    const changes = values.filter((value, i) => i > 0 && value !== values[i - 1]).length;
    const distinct = new Set(values).size;
    if (changes <= distinct - 1) continue;
    const at = values.findIndex((value, i) => i > 0 && value !== values[i - 1]);
    const pair = [slices[at - 1] as DicomSlice, slices[at] as DicomSlice] as const;
    const between = message`${oneSlice(pair[0])} and ${oneSlice(pair[1])}`;
    const problem = message`${distinct} acquisitions alternate along it: ${name} changes ${changes} times, first between ${between}`;
    throw refusal(
      seriesUid,
      "mixed-acquisitions",
      pair,
      problem,
      `${split} Where they are one pass, export them with one AcquisitionNumber.`,
    );
  }
}

/** Groups the slices that share a position. */
function groupsAt(slices: readonly DicomSlice[], along: readonly number[], same: number): DicomSlice[][] {
  const groups: DicomSlice[][] = [];
  slices.forEach((slice, i) => {
    const isSame = i > 0 && (along[i] as number) - (along[i - 1] as number) < same;
    if (isSame) groups.at(-1)?.push(slice);
    else groups.push([slice]);
  });
  return groups;
}

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

function allDiffer(values: readonly (string | number | undefined)[]): boolean {
  return !values.includes(undefined) && new Set(values).size === values.length;
}

/** Such as "z = -102.5 mm", along the axis closest to the slice normal. */
export function placeText({ position, orientation }: DicomSlice): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = orientation ?? [];
  const normal = [b * f - c * e, c * d - a * f, a * e - b * d].map(Math.abs);
  const axis = normal.indexOf(Math.max(...normal));
  return `${"xyz".charAt(axis)} = ${Number((position?.[axis as 0] ?? NaN).toFixed(3))} mm`;
}
