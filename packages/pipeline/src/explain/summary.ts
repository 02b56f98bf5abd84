/** Summarises the checks over all explained subjects, with intervals, and warns of maps that fail them. */
import {
  type Estimate,
  estimateOf,
  groupSubjects,
  noInterval,
  resampleSubjects,
  sampledOf,
  seededRandom,
} from "@slicestack/stats";
import { MAP_KINDS, type MapKind, type SubjectExplained } from "./subject.js";

export const MAP_NAMES: Record<MapKind, string> = { gradcam: "Grad-CAM", ig: "integrated gradients" };

/** A name with a capital letter, for the start of a line. */
export const capitalised = (name: string): string => `${name[0]!.toUpperCase()}${name.slice(1)}`;

export interface KindSummary {
  kind: MapKind;
  volumes: number;
  subjects: number;
  /** Mean over subjects of the gain over a random order. */
  deletion: Estimate;
  insertion: Estimate;
  /** Mean rank correlation with the map of a model with random weights; over the volumes that have one. */
  randomised: Estimate & { volumes: number };
  /** Mean curves, for the figure. */
  curves: {
    shares: number[];
    deletion: number[];
    insertion: number[];
    randomDeletion: number[];
    randomInsertion: number[];
  };
  /** Whether the intervals of both deletion and insertion are better than chance. */
  better: boolean;
}

export interface Summary {
  maps: KindSummary[];
  warnings: string[];
}

const LEVEL = 0.95;
/** Correlation above which a map hardly depends on what was learned. */
const ALIKE = 0.5;
/** Fraction of the difference from baseline to input that integrated gradients may miss. */
const INCOMPLETE = 0.05;

/** Of several models, the checks are those of each model's own maps, which count together as one volume. */
export function summarise(explained: readonly SubjectExplained[], seed: number): Summary {
  const all = explained.flatMap((one) => one.models ?? [one]);
  const maps = MAP_KINDS.flatMap((kind) => {
    const checked = all.filter(({ checks }) => checks[kind] !== undefined);
    return checked.length === 0 ? [] : [summaryOf(kind, checked, seed)];
  });
  return { maps, warnings: [...maps.flatMap(warningsOf), ...emptyWarnings(all), ...incompleteWarnings(all)] };
}

function summaryOf(kind: MapKind, all: readonly SubjectExplained[], seed: number): KindSummary {
  const checks = all.map((entry) => entry.checks[kind]!);
  const subjects = all.map(({ subject }) => subject);
  const meanOf = (values: readonly number[], subjectsOf: readonly string[]) =>
    meanBySubject(values, subjectsOf, seed);
  const paired = all.flatMap(({ subject }, k) =>
    checks[k]!.randomised === null ? [] : [{ subject, value: checks[k]!.randomised }],
  );
  const deletion = meanOf(
    checks.map(({ gain }) => gain.deletion),
    subjects,
  );
  const insertion = meanOf(
    checks.map(({ gain }) => gain.insertion),
    subjects,
  );
  const curve = (of: (check: (typeof checks)[number]) => number[]) => meanCurve(checks.map(of));
  return {
    kind,
    volumes: new Set(all.map(({ id }) => id)).size,
    subjects: new Set(subjects).size,
    deletion,
    insertion,
    randomised: {
      ...meanOf(
        paired.map(({ value }) => value),
        paired.map(({ subject }) => subject),
      ),
      volumes: paired.length,
    },
    curves: {
      shares: curve(({ map }) => map.shares),
      deletion: curve(({ map }) => map.deletion),
      insertion: curve(({ map }) => map.insertion),
      randomDeletion: curve(({ random }) => random.deletion),
      randomInsertion: curve(({ random }) => random.insertion),
    },
    better: deletion.interval.low > 0 && insertion.interval.low > 0,
  };
}

/** Each subject counts once, however many volumes it has. Bootstrap over subjects; no interval for a single subject. */
export function meanBySubject(
  values: readonly number[],
  subjects: readonly string[],
  seed: number,
): Estimate {
  if (values.length === 0) return { value: NaN, interval: noInterval(LEVEL) };
  const groups = groupSubjects(subjects);
  const rows = groups.subjects;
  const share = new Float64Array(values.length);
  for (const subjectRows of rows) for (const row of subjectRows) share[row] = 1 / subjectRows.length;
  const statistic = (weights: Float64Array, out: Float64Array) => {
    let [sum, total] = [0, 0];
    for (let k = 0; k < values.length; k++) {
      sum += weights[k]! * share[k]! * values[k]!;
      total += weights[k]! * share[k]!;
    }
    out[0] = sum / total;
  };
  const resampled = resampleSubjects(statistic, 1, groups, { random: seededRandom(seed) });
  return estimateOf(sampledOf(resampled, 0, "unbounded"), LEVEL);
}

/** The mean of curves over the same fractions; curves of small volumes with fewer cells than steps are left out. */
function meanCurve(curves: readonly number[][]): number[] {
  const length = Math.max(...curves.map((curve) => curve.length));
  const same = curves.filter((curve) => curve.length === length);
  return Array.from({ length }, (_, k) => same.reduce((sum, curve) => sum + curve[k]!, 0) / same.length);
}

function warningsOf({ kind, subjects, deletion, insertion, randomised, better }: KindSummary): string[] {
  const name = MAP_NAMES[kind];
  const warnings: string[] = [];
  const gains = `deletion ${signed(deletion)}, insertion ${signed(insertion)}`;
  if (subjects < 2)
    warnings.push(
      `${name}: a single subject has no interval; explain more subjects before you trust its map (${gains}).`,
    );
  else if (!better)
    warnings.push(
      `${name}: not shown to be better than a random order over ${subjects} subjects (${gains}). Do not interpret these maps as what the model uses.`,
    );
  if (Math.abs(randomised.value) > ALIKE)
    warnings.push(
      `${name}: a model with random weights gives nearly the same map, or its reverse (rank correlation ${signed(randomised)}). The map shows the image rather than what was learned.`,
    );
  return warnings;
}

/** Grad-CAM keeps only evidence for the class, of which there may be none. */
function emptyWarnings(all: readonly SubjectExplained[]): string[] {
  const none = all.filter(({ slices }) => slices.length > 0 && slices.every(({ gradcam }) => gradcam === 0));
  if (none.length === 0) return [];
  return [
    `Grad-CAM: empty for ${none.length} of ${all.length} ${mapsText(all)} (${idsText(none)}): its layer has no evidence for the class.`,
  ];
}

/** Several models have a map of each volume. */
const mapsText = (all: readonly SubjectExplained[]): string =>
  new Set(all.map(({ id }) => id)).size < all.length ? "maps" : "volumes";

function idsText(some: readonly SubjectExplained[]): string {
  const ids = [...new Set(some.map(({ id }) => id))];
  return `${ids.slice(0, 3).join(", ")}${ids.length > 3 ? ", …" : ""}`;
}

function incompleteWarnings(all: readonly SubjectExplained[]): string[] {
  const off = all.filter(({ completeness }) => {
    if (completeness === null) return false;
    const { score, baselineScore, gap } = completeness;
    return Math.abs(gap) > INCOMPLETE * Math.max(1, Math.abs(score - baselineScore));
  });
  if (off.length === 0) return [];
  return [
    `integrated gradients: the attributions of ${off.length} of ${all.length} ${mapsText(all)} miss their sum by more than ${INCOMPLETE * 100} % (${idsText(off)}). Raise --steps.`,
  ];
}

/** "+0.12 [0.03, 0.20]" */
export function signed({ value, interval }: Estimate): string {
  if (!Number.isFinite(value)) return "undefined";
  // No "−0.00".
  const number = (x: number) => (Math.round(x * 100) / 100 + 0).toFixed(2).replace("-", "−");
  const bounds = Number.isFinite(interval.low) ? ` [${number(interval.low)}, ${number(interval.high)}]` : "";
  return `${value >= 0 ? "+" : ""}${number(value)}${bounds}`;
}
