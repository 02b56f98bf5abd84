/** Can the label be told from how a scan was made? A model then learns the scanner, and fails in the next hospital. */
import { Random } from "../../data/random.js";
import type { Dataset, VolumeRecord } from "../../data/store.js";
import { fitLogistic, predictLogistic } from "../baselines/logistic.js";
import { defaultBins } from "../calibration/reliability.js";
import { metricIndex, Scorer } from "../metrics/scorer.js";
import { groupSubjects, resampledInterval, resampleSubjects, seededRandom } from "../statistics/bootstrap.js";
import type { Estimate } from "../statistics/interval.js";

/** Further columns of subjects.csv that are taken for facts of the acquisition, by their names in lower case. */
const ACQUISITION =
  /^(site|hospital|center|centre|institution|scanner|station|manufacturer|vendor|model|kernel|reconstruction|kvp|kv|tube_?current|mas?|exposure|dose|slice_?thickness|protocol|body_?part|contrast|year|study_?date|gaps|tilt.*)$/i;
/** More values than these name single scans. */
const MOST_LEVELS = 30;
const FOLDS = 5;
/** The name of the regression on all facts. */
export const TOGETHER = "all together";

export interface AcquisitionFinding {
  /** A column, or TOGETHER. */
  name: string;
  /** What it takes: numbers, or so many values. */
  values: string;
  /** Cross-validated over subjects; 0.5 where it says nothing. Mean of the classes against the rest. */
  auroc: Estimate;
  /** AUROC of at least 0.65 whose interval lies above 0.5. */
  suspicious: boolean;
}

interface Variable {
  name: string;
  values: string;
  /** One or more numbers a volume. */
  columns: number[][];
}

/**
 * A logistic regression on each fact of the acquisition alone, and on all, cross-validated by subject.
 * @returns the most telling first; none where a class has fewer subjects than folds
 */
export function acquisitionAuc(
  dataset: Pick<Dataset, "volumes" | "info">,
  { seed = 0, columns = [] }: { seed?: number; columns?: readonly string[] } = {},
): AcquisitionFinding[] {
  const { volumes, info } = dataset;
  const classes = info.classes.length;
  const folds = foldsOf(volumes, seed);
  if (folds === null) return [];
  const variables = variablesOf(volumes, columns);
  const all: Variable = {
    name: TOGETHER,
    values: `${variables.length} facts`,
    columns: variables.flatMap((variable) => variable.columns),
  };
  const found = (variables.length > 1 ? [...variables, all] : variables).map((variable) => {
    const auroc = crossValidated(variable, volumes, classes, folds, seed);
    // A perfect predictor has no spread and so no interval.
    const sure = auroc.interval.method === "none" ? auroc.value > 0.95 : auroc.interval.low > 0.5;
    const suspicious = auroc.value >= 0.65 && sure;
    return { name: variable.name, values: variable.values, auroc, suspicious };
  });
  return found.sort((a, b) => b.auroc.value - a.auroc.value);
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
    .filter((name) => ACQUISITION.test(name) || named.includes(name))
    .flatMap((name) =>
      column(
        name,
        volumes.map(({ extra }) => extra[name] ?? ""),
      ),
    );
  return [...geometric, ...further];
}

/** Where all scans have one spacing, the length of the scan says nothing that the slice count does not. */
function withoutCopies(variables: readonly Variable[]): Variable[] {
  const ratio = (a: number[], b: number[]) => new Set(a.map((value, k) => (value / b[k]!).toPrecision(9))).size === 1;
  return variables.filter(({ columns: [own] }, k) => !variables.slice(0, k).some(({ columns: [other] }) => ratio(own!, other!))); // prettier-ignore
}

function numeric(name: string, values: readonly number[]): Variable[] {
  const different = new Set(values).size;
  if (different < 2 || !values.every(Number.isFinite)) return [];
  // A logarithm beside the number itself: labels may go with ratios, too.
  const logs = values.every((value) => value > 0) ? [values.map(Math.log)] : [];
  return [{ name, values: `${different} numbers`, columns: [[...values], ...logs] }];
}

function column(name: string, values: readonly string[]): Variable[] {
  const levels = [...new Set(values)].sort();
  if (levels.length < 2) return [];
  const numbers = values.map((value) => (value === "" ? NaN : Number(value)));
  if (levels.length > 8 && numbers.every(Number.isFinite)) return numeric(name, numbers);
  if (levels.length > MOST_LEVELS) return [];
  return [{ name, values: `${levels.length} values`, columns: levels.map((level) => values.map((value) => Number(value === level))) }]; // prettier-ignore
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
    const model = fitLogistic(rest.map((k) => rows[k]!), rest.map((k) => labels[k]!), { classes }); // prettier-ignore
    const predicted = predictLogistic(
      model,
      out.map((k) => rows[k]!),
    );
    out.forEach((k, n) => (probabilities[k] = predicted[n]!));
  }
  const scorer = new Scorer({ labels, probabilities }, classes, defaultBins(labels.length));
  const groups = groupSubjects(volumes.map(({ subject }) => subject), labels); // prettier-ignore
  const resampled = resampleSubjects((weights, out) => scorer.score(weights, out), scorer.count, groups, {
    random: seededRandom(seed),
    resamples: 500,
  });
  const k = metricIndex("auroc");
  return { value: resampled.estimate[k]!, interval: resampledInterval(resampled, k, 0.95) };
}
