/** Grid and random search, whose points do not depend on the results of trials. */
import { Random } from "@slicestack/stats";
import type { Sampler } from "./sampler.js";
import { takesPart, type Domain, type Space } from "./space.js";
import type { JsonValue, TrialReport, Values } from "./trial.js";

/** Rejected draws (repeated points, invalid configurations) after which a space counts as exhausted. */
export const ATTEMPTS = 100;

export class GridSampler implements Sampler {
  readonly source = "grid";
  private readonly rest: Generator<Values, void>;

  constructor(space: Space) {
    this.rest = space.length === 0 ? none() : gridPoints(space);
  }

  propose(_: readonly TrialReport[], count: number, accepts: (values: Values) => boolean): Values[] {
    const points: Values[] = [];
    while (points.length < count) {
      const next = this.rest.next();
      if (next.done === true) break;
      if (accepts(next.value)) points.push(next.value);
    }
    return points;
  }
}

function* none(): Generator<Values, void> {
  // A sweep with only listed points has no grid.
}

export class RandomSampler implements Sampler {
  readonly source = "random";

  constructor(
    private readonly space: Space,
    private readonly seed: number,
  ) {}

  propose(history: readonly TrialReport[], count: number, accepts: (values: Values) => boolean): Values[] {
    const known = new Set(history.map(({ trial }) => trial.point.number)).size;
    const points: Values[] = [];
    for (let attempt = 0; points.length < count && attempt < ATTEMPTS;) {
      const values = randomPoint(this.space, randomOf(this.seed, known + points.length, attempt));
      const isTaken = accepts(values);
      if (isTaken) points.push(values);
      attempt = isTaken ? 0 : attempt + 1;
    }
    return points;
  }
}

/** Every combination allowed by the conditions; the last dimension varies fastest. */
export function* gridPoints(space: Space, values: Values = {}, depth = 0): Generator<Values, void> {
  const dimension = space[depth];
  if (dimension === undefined) yield values;
  else if (!takesPart(dimension, values)) yield* gridPoints(space, values, depth + 1);
  else
    for (const value of gridValues(dimension.domain))
      yield* gridPoints(space, { ...values, [dimension.name]: value }, depth + 1);
}

function gridValues(domain: Domain): readonly JsonValue[] {
  if (domain.kind === "choice") return domain.values;
  if (domain.kind === "int") {
    const count = Math.floor((domain.high - domain.low) / domain.step) + 1;
    return Array.from({ length: count }, (_, k) => domain.low + k * domain.step);
  }
  const { low, high, log, points } = domain;
  const count = points ?? 2;
  return Array.from({ length: count }, (_, k) => {
    if (k === count - 1) return high;
    const share = k / (count - 1);
    return tidy(log ? low * (high / low) ** share : low + (high - low) * share);
  });
}

/** Rounds to six digits, which distinguish the values of a grid and stay readable. */
const tidy = (value: number): number => Number(value.toPrecision(6));

/** Draws a point from the space, each dimension independently. */
export function randomPoint(space: Space, random: Random, given: Values = {}): Values {
  let values: Values = {};
  for (const dimension of space)
    if (takesPart(dimension, values))
      values = {
        ...values,
        [dimension.name]: given[dimension.name] ?? randomValue(dimension.domain, random),
      };
  return values;
}

/** Whole numbers have equal shares of the range, and with `log` equal shares of its logarithm, as Optuna draws them. */
export function randomValue(domain: Domain, random: Random): JsonValue {
  if (domain.kind === "choice")
    return domain.values[
      Math.min(domain.values.length - 1, Math.floor(random.uniform(0, domain.values.length)))
    ]!;
  const { low, high, log } = domain;
  const half = domain.kind === "int" ? domain.step / 2 : 0;
  const [from, to] = [log ? Math.log(low - half) : low - half, log ? Math.log(high + half) : high + half];
  const drawn = random.uniform(from, to);
  const value = log ? Math.exp(drawn) : drawn;
  return domain.kind === "int" ? toStep(value, domain) : Math.min(high, Math.max(low, value));
}

export const toStep = (
  value: number,
  { low, high, step }: { low: number; high: number; step: number },
): number => Math.min(high, Math.max(low, low + Math.round((value - low) / step) * step));

/** The random numbers for one point of a search, so that its draws depend on nothing else. */
export function randomOf(seed: number, number: number, attempt = 0): Random {
  return new Random(seed * 2 ** 20 + number + attempt * 7919);
}
