import { refuser } from "../refuse.js";
import type { VolumeFormat } from "../errors.js";

export interface SliceOrder {
  /** Names of the slices, in the order of their numbers. */
  names: string[];
  /** The number of each slice. */
  numbers: number[];
  /** Missing numbers between the first and the last. */
  missing: number[];
}

export interface SliceOrderOptions {
  /** Name for error messages. */
  folder?: string;
  format?: VolumeFormat;
  /** Accepts the slices unchanged where numbers are missing; default false. */
  allowGaps?: boolean;
}

/**
 * Orders the slices of one subject by the number in their names, never as text: slice_2 comes before slice_10.
 * All names must be the same except for one number ("p07_slice_0012.png": 12 where 07 is in every name).
 * @param names names with their extensions
 * @throws VolumeFormatError no number, names of several kinds, a repeated number, or a missing one where gaps are not
 *   allowed
 */
export function sliceOrder(names: readonly string[], options: SliceOrderOptions = {}): SliceOrder {
  const refuse = refuser(options.folder ?? "slices", options.format ?? "PNG");
  const parts = names.map(partsOf);
  const [first] = parts;
  if (first === undefined)
    return refuse("expected slices, found none", "Put the slices of one subject into it.");
  const other = parts.find(({ words }) => words.join("0") !== first.words.join("0"));
  if (other !== undefined) {
    const problem = `expected names that differ in one number, found "${first.name}" and "${other.name}"`;
    refuse(problem, "Put the slices of each subject into a separate folder.");
  }
  const place = numberPlace(parts, refuse);
  const slices = parts
    .map(({ name, numbers }) => ({ name, number: numbers[place] ?? 0 }))
    .sort((a, b) => a.number - b.number || (a.name < b.name ? -1 : 1));
  const twice = slices.findIndex(({ number }, k) => number === slices[k + 1]?.number);
  if (twice >= 0) {
    const [a, b] = [slices[twice]?.name, slices[twice + 1]?.name];
    refuse(`"${a}" and "${b}" have the same number`, "Remove one of them.");
  }
  const missing = missingOf(slices, options.allowGaps === true ? Infinity : 10);
  if (missing.length > 0 && options.allowGaps !== true) {
    const between = `between "${slices[0]?.name}" and "${slices.at(-1)?.name}"`;
    const list = missing.length < 10 ? missing.join(", ") : `${missing.slice(0, 9).join(", ")} …`;
    refuse(`slices are missing ${between}: ${list}`, "Export them again, or allow gaps.");
  }
  return { names: slices.map(({ name }) => name), numbers: slices.map(({ number }) => number), missing };
}

interface NameParts {
  name: string;
  words: string[];
  numbers: number[];
}

function partsOf(name: string): NameParts {
  const pieces = name.replace(/\.[^.]*$/, "").split(/(\d+)/);
  return {
    name,
    words: pieces.filter((_, k) => k % 2 === 0),
    numbers: pieces.filter((_, k) => k % 2 === 1).map(Number),
  };
}

/**
 * Which number of the names is the slice number: the one that differs, or the last one where there is only one slice.
 */
function numberPlace(parts: readonly NameParts[], refuse: ReturnType<typeof refuser>): number {
  const [first] = parts;
  const count = first?.numbers.length ?? 0;
  if (parts.length === 1) return Math.max(count - 1, 0);
  const differing = Array.from({ length: count }, (_, place) => place).filter((place) =>
    parts.some(({ numbers }) => numbers[place] !== first?.numbers[place]),
  );
  const names = `"${first?.name}" and "${parts.find((part) => part !== first)?.name}"`;
  const [place] = differing;
  if (count === 0 || place === undefined)
    return refuse(
      `expected a different number in each name, found ${names}`,
      "Number the slices in their names.",
    );
  if (differing.length > 1)
    refuse(
      `${differing.length} numbers of the names differ, as in ${names}`,
      "Put each series into a separate folder.",
    );
  const unsafe = parts.find(({ numbers }) => !Number.isSafeInteger(numbers[place]));
  if (unsafe !== undefined)
    refuse(`the number in "${unsafe.name}" is too long`, "Number the slices starting at 1.");
  return place;
}

/** No scan has more slices; numbers that are further apart are dates or identifiers. */
const MAX_SPAN = 100_000;

function missingOf(slices: readonly { number: number }[], most: number): number[] {
  const missing: number[] = [];
  slices.forEach(({ number }, k) => {
    const next = Math.min(slices[k + 1]?.number ?? number, number + MAX_SPAN);
    for (let between = number + 1; between < next && missing.length < most; between++) missing.push(between);
  });
  return missing;
}
