/**
 * Tree-structured Parzen estimator, one dimension after another (Optuna's TPESampler with multivariate=False and its
 * other defaults). Values are drawn from the density of the good points, and the one with the highest ratio of that
 * density to the density of the other points is chosen. Running points count as bad (constant liar), so that workers
 * explore different values.
 */
import type { Random } from "@slicestack/stats";
import { pointReports, type PointReport } from "./history.js";
import { parzenEstimator, type ParzenEstimator } from "./parzen.js";
import type { Sampler } from "./sampler.js";
import { ATTEMPTS, randomOf, randomPoint } from "./searches.js";
import { canonicalJson, takesPart, type Dimension, type Space } from "./space.js";
import type { JsonValue, TrialReport, Values } from "./trial.js";

export interface TpeOptions {
  seed: number;
  /** Number of points that are drawn at random first. */
  startup: number;
  candidates: number;
  /** Whether a lower objective is better. */
  minimize: boolean;
}

/** A point as an observation: its values, and whether and how well it ended. */
export interface Observation {
  number: number;
  values: Values;
  state: "finished" | "pruned" | "running";
  /** Cost of a finished point; lower is better. */
  cost: number;
  /** For a pruned point: the number of epochs that it trained, and its cost there. */
  reached: { epochs: number; cost: number } | null;
}

export class TpeSampler implements Sampler {
  readonly source = "tpe";

  constructor(
    private readonly space: Space,
    private readonly options: TpeOptions,
  ) {}

  propose(history: readonly TrialReport[], count: number, accepts: (values: Values) => boolean): Values[] {
    const points = pointReports(history);
    const observations = points.flatMap((point) => this.observe(point));
    const proposed: Values[] = [];
    while (proposed.length < count) {
      const number = points.length + proposed.length;
      const values = this.newPoint(observations, number, accepts);
      if (values === null) break;
      proposed.push(values);
      observations.push({ number, values, state: "running", cost: NaN, reached: null });
    }
    return proposed;
  }

  private newPoint(
    observations: readonly Observation[],
    number: number,
    accepts: (values: Values) => boolean,
  ): Values | null {
    const ended = observations.filter(({ state }) => state !== "running").length;
    const split = ended < this.options.startup ? null : splitObservations(observations);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const random = randomOf(this.options.seed, number, attempt);
      // A density concentrated on known points no longer proposes new ones.
      const isStuck = attempt >= ATTEMPTS / 2;
      const values = split === null || isStuck ? randomPoint(this.space, random) : this.drawn(split, random);
      if (accepts(values)) return values;
    }
    return null;
  }

  private drawn({ below, above }: SplitObservations, random: Random): Values {
    let values: Values = {};
    for (const dimension of this.space) {
      if (!takesPart(dimension, values)) continue;
      const good = estimatorOf(dimension, below);
      const bad = estimatorOf(dimension, above);
      const candidates = Array.from({ length: this.options.candidates }, () => good.sample(random));
      values = { ...values, [dimension.name]: mostPromising(candidates, good, bad) };
    }
    return values;
  }

  private observe({ point, state, objective, trials }: PointReport): Observation[] {
    const sign = this.options.minimize ? 1 : -1;
    const { number, values } = point;
    if (state === "failed") return [];
    if (state === "running") return [{ number, values, state, cost: NaN, reached: null }];
    if (state === "pruned") return [{ number, values, state, cost: NaN, reached: reachedBy(trials) }];
    // An undefined objective ranks last.
    return [
      {
        number,
        values,
        state,
        cost: Number.isFinite(objective) ? sign * objective! : Infinity,
        reached: null,
      },
    ];
  }
}

/** The epochs that a pruned point reached, and the selection metric of its stage there, averaged over its trials. */
function reachedBy(trials: readonly TrialReport[]): Observation["reached"] {
  const last = trials.flatMap(({ curve }) => curve.slice(-1));
  if (last.length === 0) return null;
  const epochs = Math.max(...trials.map(({ curve }) => curve.length));
  return { epochs, cost: -last.reduce((sum, { value }) => sum + value, 0) / last.length };
}

export interface SplitObservations {
  below: readonly Observation[];
  above: readonly Observation[];
}

/**
 * The best tenth of the points that have ended, at most 25: finished ones first, then the pruned ones that got
 * furthest.
 */
export function splitObservations(observations: readonly Observation[]): SplitObservations {
  const finished = observations
    .filter(({ state }) => state === "finished")
    .sort((a, b) => a.cost - b.cost || 0);
  const pruned = observations.filter(({ state }) => state === "pruned").sort(byReach);
  const ranked = [...finished, ...pruned];
  const good = new Set(ranked.slice(0, Math.min(Math.ceil(0.1 * ranked.length), 25)));
  const inOrder = [...observations].sort((a, b) => a.number - b.number);
  return { below: inOrder.filter((one) => good.has(one)), above: inOrder.filter((one) => !good.has(one)) };
}

function byReach(a: Observation, b: Observation): number {
  const key = ({ reached }: Observation): [number, number] => {
    if (reached === null) return [1, 0];
    return [-reached.epochs, Number.isNaN(reached.cost) ? Infinity : reached.cost];
  };
  const [[stepsA, costA], [stepsB, costB]] = [key(a), key(b)];
  return stepsA - stepsB || (costA === costB ? 0 : costA - costB);
}

/** The estimator of a dimension, from the points in which it takes part. */
export function estimatorOf(
  { name, domain }: Dimension,
  observations: readonly Observation[],
): ParzenEstimator {
  const seen = observations.flatMap(({ values }) => (Object.hasOwn(values, name) ? [values[name]!] : []));
  return parzenEstimator(
    domain,
    seen.filter((value) => isWithin(domain, value)),
  );
}

/** Whether a value is in the domain of its dimension; listed and added points may lie outside the space. */
function isWithin(domain: Dimension["domain"], value: JsonValue): boolean {
  if (domain.kind === "choice")
    return domain.values.some((one) => canonicalJson(one) === canonicalJson(value));
  return typeof value === "number" && value >= domain.low && value <= domain.high;
}

export function mostPromising(
  candidates: readonly JsonValue[],
  good: ParzenEstimator,
  bad: ParzenEstimator,
): JsonValue {
  const scores = candidates.map((value) => good.logDensity(value) - bad.logDensity(value));
  return candidates[scores.indexOf(Math.max(...scores))]!;
}
