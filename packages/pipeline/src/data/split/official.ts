/** Splits that come with the data: the part of each volume, from folders or archives of the source, or from a file. */
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

/** The fraction of the subjects of an official train part that becomes val if the data come with train and test only. */
const VAL_SHARE = 0.2;

/**
 * The parts that prepare found in the source. If there are only train and one other part (the published layout calls it
 * val), the other part is the test part, on which no choice is based, and val is drawn from train by subject.
 * @throws SplitError if a volume has no part, or a subject is in two
 */
export function officialSplit(dataset: Dataset, seed = 0): Split {
  return fromParts(dataset, new Map(dataset.volumes.map(({ id, part }) => [id, part])), seed);
}

/** Writes split.json if the source assigns every volume to a part. */
export function writeOfficialSplit(folder: string): void {
  const dataset = openDataset(folder);
  if (dataset.volumes.every(({ part }) => part !== null)) writeSplit(dataset, officialSplit(dataset));
}

/** Columns by which rows of a split may refer to volumes; the first that exists is used. Spellings as in labels files. */
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
 * are also found if the data set has their hashes.
 * @param options `saltFile`: that of prepare; default: this user's
 * @throws TableError, SplitError
 */
export function splitFromTable(
  dataset: Dataset,
  file: string,
  seed = 0,
  options: { saltFile?: string } = {},
): Split {
  const { columns, rows } = readTable(file);
  const idColumn = KEYS.flatMap(({ columns: wanted, of }) => {
    const key = columns.find((name) => wanted.test(plain(name)));
    return key === undefined ? [] : [{ key, of }];
  })[0];
  const partColumn = columns.find((name) => PART_COLUMN.test(name));
  if (idColumn === undefined || partColumn === undefined)
    throw new TableError(
      file,
      1,
      `expected the columns id (or subject, PatientID, path, SeriesInstanceUID) and part, found ${listed(columns)}`,
      "Name its columns.",
    );
  const { key, of } = idColumn;
  const hashed = hasher(options.saltFile);
  const partsByName = new Map<string, Part>();
  for (const { line, values } of rows) {
    const part = partOf(values[partColumn] ?? "");
    const name = (values[key] ?? "").replaceAll("\\", "/").replace(/^(\.?\/)+/, "");
    if (part === null)
      throw new TableError(
        file,
        line,
        `expected train, val or test, found "${values[partColumn]}"`,
        "Correct it.",
      );
    if (partsByName.has(name) && partsByName.get(name) !== part)
      throw new TableError(
        file,
        line,
        `${name} is in ${partsByName.get(name)} and in ${part}`,
        "Give it one part.",
      );
    // Ids may be copied from a subjects.csv, in which text that looks like a formula is guarded.
    for (const spelling of [name, composed(name), unguardCell(name), ...hashed(key, name)])
      partsByName.set(spelling, part);
  }
  const parts = dataset.volumes.map((volume) => {
    const name = [...of(volume), ...of(volume).map(composed)].find((spelling) => partsByName.has(spelling));
    return [volume.id, name === undefined ? undefined : partsByName.get(name)] as const;
  });
  if (parts.every(([, part]) => part === undefined)) {
    const [first] = dataset.volumes;
    throw new SplitError(
      `${file}: column ${key} names no volume of the data set; one of its volumes is called ${of(first!)[0]}`,
      "Name volumes by id, subject, PatientID, path or SeriesInstanceUID; if prepare was called with --salt-file, pass the same file here.",
    );
  }
  return fromParts(dataset, new Map(parts), seed);
}

/** The hashes that `prepare` writes in place of an identifier; none if this user has no salt yet. */
function hasher(saltFile: string | undefined): (column: string, name: string) => string[] {
  const file = saltFile ?? saltPath(process.env, homedir());
  if (!existsSync(file)) return () => [];
  const pseudonyms = new Pseudonyms(readSalt(file));
  return (column, name) => [pseudonyms.of(/uid$/.test(plain(column)) ? "series" : "patient", name)];
}

function fromParts(
  dataset: Dataset,
  partOf: ReadonlyMap<string, Part | null | undefined>,
  seed: number,
): Split {
  const lacking = dataset.volumes.filter(({ id }) => !partOf.get(id)).map(({ id }) => id);
  if (lacking.length > 0) {
    throw new SplitError(
      `official split: ${lacking.length} of ${dataset.volumes.length} volumes have no part (${lacking.slice(0, 10).join(", ")})`,
      "Draw a split with slicestack split, or name every volume.",
    );
  }
  const parts: Record<Part, string[]> = { train: [], val: [], test: [] };
  for (const { id } of dataset.volumes) parts[partOf.get(id)!].push(id);
  const warnings = fillMissingPart(dataset, parts, seed);
  const split = sealed(dataset, { seed, group: undefined, parts, warnings, origin: "official" });
  checkSplit(split, dataset);
  return split;
}

/** Fills a part that the data do not come with. @returns warnings */
function fillMissingPart(dataset: Dataset, parts: Record<Part, string[]>, seed: number): string[] {
  const warnings: string[] = [];
  if (parts.test.length === 0 && parts.val.length > 0) {
    parts.test = parts.val;
    parts.val = [];
    warnings.push(
      "the official val part is used as the test part: choices and scores must not use the same data",
    );
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
  warnings.push(
    `val was drawn from the official train part: ${Math.round(VAL_SHARE * 100)} % of its subjects`,
  );
  return warnings;
}
