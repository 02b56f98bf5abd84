/** Splits that come with the data: a part a volume, from its source's folders or archive, or from a file. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { basename } from "node:path";
import { Random } from "@slicestack/stats";
import { readTable, unguardCell } from "../csv.js";
import { SplitError, TableError } from "../errors.js";
import { PART_COLUMN, partOf } from "../ingest/parts.js";
import { composed, withoutExtension } from "../ingest/paths.js";
import { Pseudonyms, readSalt, saltPath } from "../ingest/privacy.js";
import { listed } from "../listed.js";
import { openDataset, type Dataset } from "../store.js";
import type { VolumeRecord } from "../volume-record.js";
import { checkSplit, sealed, writeSplit, type Split } from "./split.js";
import type { Part } from "./parts.js";
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

/** What the rows of a split may call volumes by, the first that is there; spellings as in labels files. */
const KEYS: readonly { columns: RegExp; of: NameOf }[] = [
  { columns: /^id$/, of: ({ id }) => [id] },
  { columns: /^(subject|subjectid|patient|patientid)$/, of: ({ subject }) => [subject] },
  { columns: /^(path|file|filename|source)$/, of: ({ source }) => namesOf(source) },
  { columns: /^series(instance)?uid$/, of: ({ source }) => [source.replace(/^dicom /, "")] },
];
type NameOf = (volume: VolumeRecord) => string[];

const plain = (column: string) => column.toLowerCase().replace(/[^a-z0-9]/g, "");

function namesOf(source: string): string[] {
  const bare = withoutExtension(source);
  return [source, bare, basename(source), basename(bare)];
}

/**
 * @param file CSV with a column id, subject (or PatientID), path or SeriesInstanceUID, and a column part. PatientIDs and UIDs
 * are also found where the data set holds their hashes.
 * @param options `saltFile`: that of prepare; default: this user's
 * @throws TableError, SplitError
 */
export function splitFromTable(dataset: Dataset, file: string, seed = 0, options: { saltFile?: string } = {}): Split {
  const { columns, rows } = readTable(file);
  const found = KEYS.flatMap(({ columns: wanted, of }) => {
    const key = columns.find((name) => wanted.test(plain(name)));
    return key === undefined ? [] : [{ key, of }];
  })[0];
  const partColumn = columns.find((name) => PART_COLUMN.test(name));
  if (found === undefined || partColumn === undefined)
    throw new TableError(
      file,
      1,
      `expected the columns id (or subject, PatientID, path, SeriesInstanceUID) and part, found ${listed(columns)}`,
      "Name its columns.",
    );
  const { key, of } = found;
  const hashed = hasher(options.saltFile);
  const partsByName = new Map<string, Part>();
  for (const { line, values } of rows) {
    const part = partOf(values[partColumn] ?? "");
    const name = (values[key] ?? "").replaceAll("\\", "/").replace(/^(\.?\/)+/, "");
    if (part === null)
      throw new TableError(file, line, `expected train, val or test, found "${values[partColumn]}"`, "Correct it.");
    if (partsByName.has(name) && partsByName.get(name) !== part)
      throw new TableError(file, line, `${name} is in ${partsByName.get(name)} and in ${part}`, "Give it one part.");
    // Ids may be copied out of a subjects.csv, where what looks like a formula is guarded.
    for (const one of [name, composed(name), unguardCell(name), ...hashed(key, name)]) partsByName.set(one, part);
  }
  const parts = dataset.volumes.map((volume) => {
    const name = [...of(volume), ...of(volume).map(composed)].find((one) => partsByName.has(one));
    return [volume.id, name === undefined ? undefined : partsByName.get(name)] as const;
  });
  if (parts.every(([, part]) => part === undefined)) {
    const [first] = dataset.volumes;
    throw new SplitError(
      `${file}: its column ${key} names no volume of the data set, where one is called ${of(first!)[0]}`,
      "Name volumes by id, subject, PatientID, path or SeriesInstanceUID; where prepare had --salt-file, give the same here.",
    );
  }
  return fromParts(dataset, new Map(parts), seed);
}

/** The hashes that `prepare` writes in the place of an identifier; none where this user has no salt yet. */
function hasher(saltFile: string | undefined): (column: string, name: string) => string[] {
  const file = saltFile ?? saltPath(process.env, homedir());
  if (!existsSync(file)) return () => [];
  const pseudonyms = new Pseudonyms(readSalt(file));
  return (column, name) => [pseudonyms.of(/uid$/.test(plain(column)) ? "series" : "patient", name)];
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
