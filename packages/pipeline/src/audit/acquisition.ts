/** Can the label be told from how a scan was made? A model then learns the scanner, and fails in the next hospital. */
import {
  balancedSize,
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

/** Further columns of subjects.csv that are taken for facts of the acquisition, by their names without signs and spaces. */
const ACQUISITION = new RegExp(
  "^(" +
    [
      "site|hospital|center|centre|clinic|department|institution(al)?",
      "scanner(model|type|manufacturer|vendor)?|station|manufacturer(smodel|model)?|vendor|model|modality|software(version)?s?",
      "(convolution|recon(struction)?)?kernel|recon(struction)?(algorithm|method|diameter)?|filter(type)?",
      "kvp?|(tube)?voltage|(xray)?tubecurrent|mas?|exposure(time)?|(radiation)?dose|ctdi(vol)?|dlp|pitch|rotationtime",
      "slice(thickness|spacing|interval|increment)|spacing(betweenslices)?|pixel(size|spacing)|fov|fieldofview",
      "protocol|bodypart(examined)?|contrast(agent|media|phase)?|phase|year|(study|scan|series|acquisition)(date|year)",
      // What prepare notes itself: how a scan had to be mended says where it came from.
      "gaps(filled)?|tilt.*|gantry(detector)?tilt|padding(voxels)?|framesofreference|lossy|geometrynotes",
    ].join("|") +
    ")(id|name|code|number|no|mm|mgy|ma|kv)?$",
);
const isOfAcquisition = (name: string): boolean => ACQUISITION.test(name.toLowerCase().replaceAll(/[^a-z]/g, ""));
/** Of a column of words, the commonest values have a number each. */
const MOST_LEVELS = 30;
const FOLDS = 5;
const LEVEL = 0.95;
/** The name of the regression on all facts. */
export const TOGETHER = "all together";

export interface AcquisitionFinding {
  /** A column, or TOGETHER. */
  name: string;
  /** What it takes: numbers, or so many values. */
  values: string;
  /** Volumes without a value; being without one is a fact of its own. */
  missing: number;
  /** Cross-validated over subjects; 0.5 where it says nothing. Mean of the classes against the rest. */
  auroc: Estimate;
  /** AUROC of at least 0.65 whose interval lies above 0.5. */
  suspicious: boolean;
}

interface Variable {
  name: string;
  values: string;
  missing: number;
  /** One or more numbers a volume. */
  columns: number[][];
}

/**
 * A logistic regression on each fact of the acquisition alone, and on all, cross-validated by subject.
 * @returns the most telling first; none where a class has fewer subjects than folds
 * @throws RangeOfParameterError for a column that is not there
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
    name: TOGETHER,
    values: `${variables.length} facts`,
    missing: 0,
    columns: variables.flatMap((variable) => variable.columns),
  };
  const found = (variables.length > 1 ? [...variables, all] : variables).map((variable) =>
    judged(variable, crossValidated(variable, volumes, classes, folds, seed)),
  );
  return found.sort((a, b) => b.auroc.value - a.auroc.value);
}

/** The same of numbers that are no facts of the acquisition, such as the values of the voxels; in their order. */
export function numbersAuc(
  { volumes, info }: Pick<Dataset, "volumes" | "info">,
  numbers: readonly { name: string; values: readonly number[] }[],
  seed: number,
): AcquisitionFinding[] {
  const folds = foldsOf(volumes, seed);
  if (folds === null) return [];
  return numbers
    .flatMap(({ name, values }) => numeric(name, values))
    .map((variable) => judged(variable, crossValidated(variable, volumes, info.classes.length, folds, seed)));
}

function judged({ name, values, missing }: Variable, auroc: Estimate): AcquisitionFinding {
  return { name, values, missing, auroc, suspicious: auroc.value >= 0.65 && auroc.interval.low > 0.5 };
}

function variablesOf(volumes: readonly VolumeRecord[], named: readonly string[]): Variable[] {
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
    .filter((name) => isOfAcquisition(name) || named.includes(name))
    .flatMap((name) => column(name, cellsOf(volumes, name)));
  return [...geometric, ...further];
}

const cellsOf = (volumes: readonly VolumeRecord[], name: string): string[] =>
  volumes.map(({ extra }) => extra[name] ?? "");

/** Columns that say how a scan was made, or were asked for, and hold another text for nearly every volume: nothing can be told of them. */
export function unusableColumns(volumes: readonly VolumeRecord[], columns: readonly string[]): string[] {
  const names = [...new Set(volumes.flatMap(({ extra }) => Object.keys(extra)))];
  return names.filter((name) => {
    if (!isOfAcquisition(name) && !columns.includes(name)) return false;
    const cells = cellsOf(volumes, name);
    return new Set(cells.map((cell) => cell.trim())).size > 1 && column(name, cells).length === 0;
  });
}

/** Where all scans have one spacing, the length of the scan says nothing that the slice count does not. */
function withoutCopies(variables: readonly Variable[]): Variable[] {
  const ratio = (a: number[], b: number[]) => new Set(a.map((value, k) => (value / b[k]!).toPrecision(9))).size === 1;
  return variables.filter(
    ({ columns: [own] }, k) => !variables.slice(0, k).some(({ columns: [other] }) => ratio(own!, other!)),
  );
}

/** @throws RangeOfParameterError for a name that no volume has: a check that is asked for must not be passed over */
function checkColumns(volumes: readonly VolumeRecord[], columns: readonly string[]): void {
  const known = [...new Set(volumes.flatMap(({ extra }) => Object.keys(extra)))];
  const strange = columns.find((name) => !known.includes(name));
  if (strange === undefined) return;
  const there = known.length === 0 ? "none" : known.join(", ");
  throw new RangeOfParameterError("columns", `columns of subjects.csv (there are: ${there})`, strange);
}

/** Numbers, NaN where one is missing: filled with their mean, and a column that says where it was. */
function numeric(name: string, values: readonly number[]): Variable[] {
  const known = values.filter(Number.isFinite);
  const missing = values.length - known.length;
  const different = new Set(known).size;
  const flag = missing > 0 && known.length > 0 ? [values.map((value) => Number(!Number.isFinite(value)))] : [];
  if (different < 2 && flag.length === 0) return [];
  const filled = (of: (value: number) => number) => {
    const mean = known.reduce((sum, value) => sum + of(value), 0) / known.length;
    return values.map((value) => (Number.isFinite(value) ? of(value) : mean));
  };
  // A logarithm beside the number itself: labels may go with ratios, too.
  const logs = known.every((value) => value > 0) ? [filled(Math.log)] : [];
  const columns = different < 2 ? flag : [filled((value) => value), ...logs, ...flag];
  return [{ name, values: `${different} numbers`, missing, columns }];
}

/** A column is one of numbers where this share of what is there are numbers; the rest counts as missing. */
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
  if (new Set(finite).size > FEW_NUMBERS && finite.length >= MOSTLY * known.length) return numeric(name, numbers);
  const commonest = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  // Values of single volumes say nothing of others. Beyond the commonest, all rare ones are one value.
  const levels = commonest.slice(0, MOST_LEVELS).filter(([, count]) => counts.size <= MOST_LEVELS || count > 1);
  if (levels.length === 0) return [];
  const columns = levels.map(([level]) => values.map((value) => Number(value === level)));
  return [{ name, values: `${counts.size} values`, missing, columns }];
}

/** The fold of each volume, drawn by subject within the subjects' highest labels. */
function foldsOf(volumes: readonly VolumeRecord[], seed: number): number[] | null {
  const highest = new Map<string, number>();
  for (const { subject, label } of volumes) highest.set(subject, Math.max(label, highest.get(subject) ?? label));
  const fold = new Map<string, number>();
  const labels = [...new Set(highest.values())].sort((a, b) => a - b);
  if (labels.length < 2) return null;
  const random = new Random(seed).fork("acquisition");
  let next = 0;
  for (const label of labels) {
    const stratum = [...highest].filter(([, own]) => own === label).map(([subject]) => subject);
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
  return withinFolds({ labels, probabilities, subjects: volumes.map(({ subject }) => subject), folds }, classes, seed);
}

/** Volumes that were each scored by a model that had not seen its fold. */
interface OutOfFold {
  labels: readonly number[];
  probabilities: readonly (readonly number[])[];
  subjects: readonly string[];
  folds: readonly number[];
}

/**
 * The share of pairs of a volume of a class and one of another, both of the same fold, that are in order; mean over the
 * classes. Pairs across folds are left out: their scores come from two models, and a fold that holds more of a class leaves
 * fewer of it to its model, so that all pairs together come out below 0.5 where there is nothing to find.
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
      const own = Float64Array.from(rows, (k) => weights[k]!);
      let [positives, negatives] = [0, 0];
      own.forEach((weight, i) => (positive[i] ? (positives += weight) : (negatives += weight)));
      if (positives * negatives === 0) continue;
      pairs[c]! += positives * negatives;
      inOrder[c]! += positives * negatives * auroc(ranking, own);
    }
    const shares = Array.from(pairs, (count, c) => inOrder[c]! / count).filter(Number.isFinite);
    out[0] = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  };
  const groups = groupSubjects(subjects);
  const resampled = resampleSubjects(statistic, 1, groups, { random: seededRandom(seed), resamples: 500 });
  return estimateOf(sampledOf(resampled, 0, [0, 1], balancedSize({ labels, subjects }, classes)), LEVEL);
}
