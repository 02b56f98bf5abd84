/** Splits that come with the data: a part a volume, from its source's folders or archive, or from a file. */
import { readTable } from "../csv.js";
import { SplitError, TableError } from "../errors.js";
import { Random } from "../random.js";
import { openDataset, type Dataset } from "../store.js";
import { checkSplit, PARTS, sealed, writeSplit, type Part, type Split } from "./split.js";
import { unitsOf } from "./units.js";

/** Of an official train part, the share of subjects that becomes val where the data come with train and test alone. */
const VAL_SHARE = 0.2;

/**
 * The parts that prepare found in the source. Where only train and one other part are there (the published layout calls
 * it val), that other part is the test part, never touched by a choice, and val is drawn from train by subject.
 * @throws SplitError a volume without a part, a subject in two
 */
export function officialSplit(dataset: Dataset, seed = 0): Split {
  return fromParts(dataset, new Map(dataset.volumes.map(({ id, part }) => [id, part])), seed);
}

/** Writes split.json where the source said which part each volume is of. */
export function writeOfficialSplit(folder: string): void {
  const dataset = openDataset(folder);
  if (dataset.volumes.every(({ part }) => part !== null)) writeSplit(dataset, officialSplit(dataset));
}

/** @param file CSV with the columns id (or subject) and part (train, val or test) @throws TableError, SplitError */
export function splitFromTable(dataset: Dataset, file: string, seed = 0): Split {
  const { columns, rows } = readTable(file);
  const key = columns.includes("id") ? "id" : "subject";
  if (!columns.includes(key) || !columns.includes("part"))
    throw new TableError(file, 1, `expected the columns id or subject, and part, found ${columns.join(", ")}`, "Name its columns."); // prettier-ignore
  const partOf = new Map<string, Part>();
  for (const { line, values } of rows) {
    const part = PARTS.find((name) => name === values["part"]);
    const name = values[key] ?? "";
    if (part === undefined)
      throw new TableError(file, line, `expected train, val or test, found "${values["part"]}"`, "Correct it.");
    if (partOf.has(name) && partOf.get(name) !== part)
      throw new TableError(file, line, `${name} is in ${partOf.get(name)} and in ${part}`, "Give it one part.");
    partOf.set(name, part);
  }
  return fromParts(dataset, new Map(dataset.volumes.map((volume) => [volume.id, partOf.get(volume[key])])), seed);
}

function fromParts(dataset: Dataset, partOf: ReadonlyMap<string, Part | null | undefined>, seed: number): Split {
  const lacking = dataset.volumes.filter(({ id }) => !partOf.get(id)).map(({ id }) => id);
  if (lacking.length > 0) {
    throw new SplitError(
      `official split: ${lacking.length} of ${dataset.volumes.length} volumes have no part (${lacking.slice(0, 10).join(", ")})`,
      "Draw a split with slicestack split, or name every volume.",
    );
  }
  const parts: Record<Part, string[]> = { train: [], val: [], test: [] };
  for (const { id } of dataset.volumes) parts[partOf.get(id)!].push(id);
  const warnings = completed(dataset, parts, seed);
  const split = sealed(dataset, { seed, group: undefined, parts, warnings, origin: "official" });
  checkSplit(split, dataset);
  return split;
}

/** Fills a part that the data do not come with. @returns what to tell */
function completed(dataset: Dataset, parts: Record<Part, string[]>, seed: number): string[] {
  const warnings: string[] = [];
  if (parts.test.length === 0 && parts.val.length > 0) {
    parts.test = parts.val;
    parts.val = [];
    warnings.push("the official val part is the test part here: what chooses must not judge");
  }
  if (parts.val.length > 0 || parts.train.length === 0) return warnings;
  const train = new Set(parts.train);
  const units = unitsOf({ ...dataset, volumes: dataset.volumes.filter(({ id }) => train.has(id)) });
  const random = new Random(seed).fork("official val");
  const classes = [...new Set(units.map(({ highest }) => highest))].sort((a, b) => a - b);
  const val = classes.flatMap((label) => {
    const stratum = random.fork(label).shuffle(units.filter(({ highest }) => highest === label));
    return stratum.slice(0, Math.round(VAL_SHARE * stratum.length)).flatMap(({ ids }) => ids);
  });
  parts.val = val;
  parts.train = parts.train.filter((id) => !val.includes(id));
  warnings.push(`val was drawn from the official train part: ${Math.round(VAL_SHARE * 100)} % of its subjects`);
  return warnings;
}
