/** Whether the acquisition predicts the label: a model may then learn the scanner, and fail in the next hospital. */
import {
  balancedSize,
  smallestClass,
  auroc,
  type Estimate,
  estimateOf,
  fitLogistic,
  groupSubjects,
  predictLogistic,
  Random,
  RangeOfParameterError,
  rank,
  resampleSubjects,
  sampledOf,
  seededRandom,
} from "@slicestack/stats";
import type { Dataset } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";
import { isMissing } from "../data/missing-value.js";

/** Further columns of subjects.csv that describe the acquisition, by their names without punctuation and spaces. */
const ACQUISITION = new RegExp(
  "^(" +
    [
      "site|hospital|center|centre|clinic|department|institution(al)?",
      "scanner(model|type|manufacturer|vendor)?|station|manufacturer(smodel|model)?|vendor|model|modality|software(version)?s?",
      "(convolution|recon(struction)?)?kernel|recon(struction)?(algorithm|method|diameter)?|filter(type)?",
      "kvp?|(tube)?voltage|(xray)?tubecurrent|mas?|exposure(time)?|(radiation)?dose|ctdi(vol)?|dlp|pitch|rotationtime",
      "slice(thickness|spacing|interval|increment)|spacing(betweenslices)?|pixel(size|spacing)|fov|fieldofview",
      "protocol|bodypart(examined)?|contrast(agent|media|phase)?|phase|year|(study|scan|series|acquisition)(date|year)",
      // Columns that prepare writes: the corrections of a scan indicate its origin.
      "gaps(filled)?|tilt.*|gantry(detector)?tilt|padding(voxels)?|framesofreference|lossy|geometrynotes",
    ].join("|") +
    ")(id|name|code|number|no|mm|mgy|ma|kv)?$",
);
const isOfAcquisition = (name: string): boolean =>
  ACQUISITION.test(name.toLowerCase().replaceAll(/[^a-z]/g, ""));
/** In a column of text, this many of the most frequent values have a feature each. */
const MOST_LEVELS = 30;
const FOLDS = 5;
const LEVEL = 0.95;
/** The name of the regression on all facts. */
export const ALL_TOGETHER = "all together";

export interface AcquisitionFinding {
  /** A column, or ALL_TOGETHER. */
  name: string;
  /** Its values in words: "12 numbers" or "3 values". */
  values: string;
  /** Volumes without a value; whether the value is missing is a feature, too. */
  missing: number;
  /** Cross-validated over subjects; 0.5 if it predicts nothing. Mean of each class against the rest. */
  auroc: Estimate;
  /** Whether the AUROC is at least 0.65 and its interval is above 0.5. */
  suspicious: boolean;
}

interface Variable {
  name: string;
  values: string;
  missing: number;
  /** One or more numbers per volume. */
  columns: number[][];
}

/**
 * A logistic regression on each property of the acquisition alone, and on all of them, cross-validated by subject.
 * @returns the most predictive first; none if a class has fewer subjects than folds
 * @throws RangeOfParameterError for a column that does not exist
 */
export function acquisitionAuc(
  dataset: Pick<Dataset, "volumes" | "info">,
  { seed = 0, columns = [] }: { seed?: number; columns?: readonly string[] } = {},
): AcquisitionFinding[] {
  const { volumes, info } = dataset;
  const classes = info.classes.length;
  const folds = foldsOf(volumes, seed);
  if (folds === null) return [];
  checkColumns(volumes, columns);
  const variables = variablesOf(volumes, columns);
  const all: Variable = {
    name: ALL_TOGETHER,
    values: `${variables.length} facts`,
    missing: 0,
    columns: variables.flatMap((variable) => variable.columns),
  };
  const findings = (variables.length > 1 ? [...variables, all] : variables).map((variable) =>
    findingOf(variable, crossValidated(variable, volumes, classes, folds, seed)),
  );
  return findings.sort((a, b) => b.auroc.value - a.auroc.value);
}

/** Like `acquisitionAuc`, for other numbers such as the values of the voxels; in their order. */
export function numbersAuc(
  { volumes, info }: Pick<Dataset, "volumes" | "info">,
  numbers: readonly { name: string; values: readonly number[] }[],
  seed: number,
): AcquisitionFinding[] {
  const folds = foldsOf(volumes, seed);
  if (folds === null) return [];
  return numbers
    .flatMap(({ name, values }) => numeric(name, values))
    .map((variable) =>
      findingOf(variable, crossValidated(variable, volumes, info.classes.length, folds, seed)),
    );
}

function findingOf({ name, values, missing }: Variable, auroc: Estimate): AcquisitionFinding {
  return { name, values, missing, auroc, suspicious: auroc.value >= 0.65 && auroc.interval.low > 0.5 };
}

function variablesOf(volumes: readonly VolumeRecord[], requested: readonly string[]): Variable[] {
  const numbers: [string, (volume: VolumeRecord) => number][] = [
    ["slice count of the source", ({ original }) => original.shape[2]],
    ["slice spacing", ({ original }) => original.spacing[2]],
    ["pixel spacing", ({ original }) => original.spacing[0]],
    ["pixels of the source", ({ original }) => original.shape[0]],
    ["field of view", ({ original }) => original.shape[0] * original.spacing[0]],
    ["length of the scan", ({ original }) => original.shape[2] * original.spacing[2]],
    ["orientation", ({ original }) => Math.abs(original.direction[8] ?? 1)],
  ];
  const geometric = withoutCopies(numbers.flatMap(([name, of]) => numeric(name, volumes.map(of))));
  const names = [...new Set(volumes.flatMap(({ extra }) => Object.keys(extra)))];
  const further = names
    .filter((name) => isOfAcquisition(name) || requested.includes(name))
    .flatMap((name) => column(name, cellsOf(volumes, name)));
  return [...geometric, ...further];
}

const cellsOf = (volumes: readonly VolumeRecord[], name: string): string[] =>
  volumes.map(({ extra }) => extra[name] ?? "");

/** Columns of the acquisition, or requested ones, that are unusable: a different text for nearly every volume. */
export function unusableColumns(volumes: readonly VolumeRecord[], columns: readonly string[]): string[] {
  const names = [...new Set(volumes.flatMap(({ extra }) => Object.keys(extra)))];
  return names.filter((name) => {
    if (!isOfAcquisition(name) && !columns.includes(name)) return false;
    const cells = cellsOf(volumes, name);
    return new Set(cells.map((cell) => cell.trim())).size > 1 && column(name, cells).length === 0;
  });
}

/** Drops copies: if all scans have the same spacing, the length of the scan is proportional to the slice count. */
function withoutCopies(variables: readonly Variable[]): Variable[] {
  const ratio = (a: number[], b: number[]) =>
    new Set(a.map((value, k) => (value / b[k]!).toPrecision(9))).size === 1;
  return variables.filter(
    ({ columns: [first] }, k) => !variables.slice(0, k).some(({ columns: [other] }) => ratio(first!, other!)),
  );
}

/** @throws RangeOfParameterError for a name that no volume has: a requested check must not be skipped silently */
function checkColumns(volumes: readonly VolumeRecord[], columns: readonly string[]): void {
  const known = [...new Set(volumes.flatMap(({ extra }) => Object.keys(extra)))];
  const unknown = columns.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const knownText = known.length === 0 ? "none" : known.join(", ");
  throw new RangeOfParameterError("columns", `columns of subjects.csv (${knownText})`, unknown);
}

/** Numbers, with NaN for missing values, which are filled with the mean and marked in a further column. */
function numeric(name: string, values: readonly number[]): Variable[] {
  const known = values.filter(Number.isFinite);
  const missing = values.length - known.length;
  const different = new Set(known).size;
  const flag =
    missing > 0 && known.length > 0 ? [values.map((value) => Number(!Number.isFinite(value)))] : [];
  if (different < 2 && flag.length === 0) return [];
  const filled = (of: (value: number) => number) => {
    const mean = known.reduce((sum, value) => sum + of(value), 0) / known.length;
    return values.map((value) => (Number.isFinite(value) ? of(value) : mean));
  };
  // The logarithm is a further feature, because labels may depend on ratios.
  const logs = known.every((value) => value > 0) ? [filled(Math.log)] : [];
  const columns = different < 2 ? flag : [filled((value) => value), ...logs, ...flag];
  return [{ name, values: `${different} numbers`, missing, columns }];
}

/** A column is numeric if this fraction of its values are numbers; the other values count as missing. */
const MOSTLY = 0.9;
const FEW_NUMBERS = 8;

function column(name: string, cells: readonly string[]): Variable[] {
  const values = cells.map((cell) => (isMissing(cell) ? "" : cell.trim()));
  const known = values.filter((value) => value !== "");
  const missing = values.length - known.length;
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  if (counts.size < 2) return [];
  const numbers = values.map((value) => (value === "" ? NaN : Number(value)));
  const finite = numbers.filter(Number.isFinite);
  if (new Set(finite).size > FEW_NUMBERS && finite.length >= MOSTLY * known.length)
    return numeric(name, numbers);
  const byFrequency = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  // Values of single volumes predict nothing for others. Beyond the most frequent ones, all rare values are one value.
  const levels = byFrequency
    .slice(0, MOST_LEVELS)
    .filter(([, count]) => counts.size <= MOST_LEVELS || count > 1);
  if (levels.length === 0) return [];
  const columns = levels.map(([level]) => values.map((value) => Number(value === level)));
  return [{ name, values: `${counts.size} values`, missing, columns }];
}

/** The fold of each volume, drawn by subject within the subjects' highest labels. */
function foldsOf(volumes: readonly VolumeRecord[], seed: number): number[] | null {
  const highest = new Map<string, number>();
  for (const { subject, label } of volumes)
    highest.set(subject, Math.max(label, highest.get(subject) ?? label));
  const fold = new Map<string, number>();
  const labels = [...new Set(highest.values())].sort((a, b) => a - b);
  if (labels.length < 2) return null;
  const random = new Random(seed).fork("acquisition");
  let next = 0;
  for (const label of labels) {
    const stratum = [...highest]
      .filter(([, highestLabel]) => highestLabel === label)
      .map(([subject]) => subject);
    for (const subject of random.fork(label).shuffle(stratum.sort())) fold.set(subject, next++ % FOLDS);
  }
  return highest.size < 2 * FOLDS ? null : volumes.map(({ subject }) => fold.get(subject)!);
}

function crossValidated(
  { columns }: Variable,
  volumes: readonly VolumeRecord[],
  classes: number,
  folds: readonly number[],
  seed: number,
): Estimate {
  const rows = volumes.map((_, k) => columns.map((values) => values[k]!));
  const labels = volumes.map(({ label }) => label);
  const probabilities: number[][] = volumes.map(() => []);
  for (let fold = 0; fold < FOLDS; fold++) {
    const out = [...folds.keys()].filter((k) => folds[k] === fold);
    const rest = [...folds.keys()].filter((k) => folds[k] !== fold);
    const model = fitLogistic(
      rest.map((k) => rows[k]!),
      rest.map((k) => labels[k]!),
      { classes },
    );
    const predicted = predictLogistic(
      model,
      out.map((k) => rows[k]!),
    );
    out.forEach((k, n) => (probabilities[k] = predicted[n]!));
  }
  return withinFolds(
    { labels, probabilities, subjects: volumes.map(({ subject }) => subject), folds },
    classes,
    seed,
  );
}

/** Volumes, each scored by a model that was not trained on its fold. */
interface OutOfFold {
  labels: readonly number[];
  probabilities: readonly (readonly number[])[];
  subjects: readonly string[];
  folds: readonly number[];
}

/**
 * The fraction of correctly ordered pairs of a volume of a class and one of another class in the same fold; mean over the
 * classes. Pairs across folds are left out: their scores come from two models, and a fold with more volumes of a class
 * leaves fewer to its model, which would bias the AUROC below 0.5 without any effect.
 */
function withinFolds(scored: OutOfFold, classes: number, seed: number): Estimate {
  const { labels, probabilities, subjects, folds } = scored;
  const rowsOf = (fold: number) => [...folds.keys()].filter((k) => folds[k] === fold);
  const ranked = Array.from({ length: FOLDS }, (_, fold) => rowsOf(fold)).flatMap((rows) =>
    Array.from({ length: classes }, (_, c) => {
      const positive = rows.map((k) => labels[k] === c);
      return {
        c,
        rows,
        positive,
        ranking: rank(
          rows.map((k) => probabilities[k]![c]!),
          positive,
        ),
      };
    }),
  );
  const statistic = (weights: Float64Array, out: Float64Array) => {
    const pairs = new Float64Array(classes);
    const inOrder = new Float64Array(classes);
    for (const { c, rows, positive, ranking } of ranked) {
      const rowWeights = Float64Array.from(rows, (k) => weights[k]!);
      let [positives, negatives] = [0, 0];
      rowWeights.forEach((weight, i) => (positive[i] ? (positives += weight) : (negatives += weight)));
      if (positives * negatives === 0) continue;
      pairs[c]! += positives * negatives;
      inOrder[c]! += positives * negatives * auroc(ranking, rowWeights);
    }
    const shares = Array.from(pairs, (count, c) => inOrder[c]! / count).filter(Number.isFinite);
    out[0] = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  };
  const groups = groupSubjects(subjects);
  const resampled = resampleSubjects(statistic, 1, groups, { random: seededRandom(seed), resamples: 500 });
  return estimateOf(
    sampledOf(
      resampled,
      0,
      [0, 1],
      balancedSize({ labels, subjects }, classes),
      smallestClass({ labels, subjects }, classes),
    ),
    LEVEL,
  );
}
