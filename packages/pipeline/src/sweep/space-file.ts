/** How the space is written in a sweep's file. */
import { z } from "zod";
import { keyNotes } from "../config/notes.js";
import { canonicalJson, type Choices, type Dimension, type Domain, type Space } from "./space.js";
import type { JsonValue, Values } from "./trial.js";

export const json: z.ZodType<JsonValue> = z.lazy(() =>
  z.union([z.null(), z.boolean(), z.number(), z.string(), z.array(json), z.record(z.string(), json)]),
);
keyNotes.add(json, {
  expects: "a finite number, a text, true, false, null, or a list or map of such values",
  meaning: "A value of JSON",
});
export const settings = z.record(z.string(), json);
const condition = z.record(z.string(), json);
const pair = z.tuple([z.number(), z.number()]);

const when = { when: condition.optional() };
const float = z.strictObject({
  float: pair,
  log: z.boolean().default(false),
  points: z.int().min(2).optional(),
  ...when,
});
const int = z.strictObject({
  int: z.tuple([z.int(), z.int()]),
  log: z.boolean().default(false),
  step: z.int().min(1).default(1),
  ...when,
});
const choice = z.strictObject({
  choice: z.union([z.array(json).min(1), z.record(z.string().min(1), settings)]),
  ...when,
});

export const dimensionExpects =
  "a list of values, {float: [low, high]}, {int: [low, high]} or {choice: [...]}, each with log, points or step, and when";

/** The value of a key of `space`; a list of values is short for a choice. */
export const dimension = z.union([z.array(json).min(1), float, int, choice]);

export type DimensionFile = z.output<typeof dimension>;

/** A problem with a dimension, to be reported with the line of its key. */
export class SpaceProblem extends Error {
  constructor(
    readonly path: readonly string[],
    problem: string,
  ) {
    super(problem);
  }
}

/**
 * The dimensions, each after those that its condition names.
 * @throws SpaceProblem if a range is empty, a condition names a key that is not in the space, or conditions form a
 * cycle
 */
export function spaceOf(file: Readonly<Record<string, DimensionFile>>): Space {
  const dimensions = Object.entries(file).map(([name, written]): Dimension => {
    const when = Array.isArray(written) ? undefined : written.when;
    const allowed = Object.entries(when ?? {}).map(([other, value]): [string, readonly JsonValue[]] => {
      if (!Object.hasOwn(file, other))
        throw new SpaceProblem([name, "when"], `${other} is not a key of this space`);
      return [other, Array.isArray(value) ? (value as readonly JsonValue[]) : [value]];
    });
    return { name, domain: domainOf(name, written), when: Object.fromEntries(allowed) };
  });
  return inOrder(dimensions);
}

function domainOf(name: string, written: DimensionFile): Domain {
  if (Array.isArray(written)) return choicesOf(name, written);
  if ("float" in written) {
    const [low, high] = written.float;
    refuseEmpty(name, low, high, written.log);
    return { kind: "float", low, high, log: written.log, points: written.points ?? null };
  }
  if ("int" in written) {
    const [low, high] = written.int;
    refuseEmpty(name, low, high, written.log);
    if (written.log && written.step !== 1)
      throw new SpaceProblem([name, "step"], `expected 1 if log is true, received ${written.step}`);
    return {
      kind: "int",
      low,
      high: high - ((high - low) % written.step),
      log: written.log,
      step: written.step,
    };
  }
  if (Array.isArray(written.choice)) return choicesOf(name, written.choice);
  const named = Object.entries(written.choice as Record<string, Values>);
  return { kind: "choice", values: named.map(([value]) => value), settings: new Map(named) };
}

function choicesOf(name: string, values: readonly JsonValue[]): Choices {
  const texts = values.map(canonicalJson);
  const twice = texts.find((text, k) => texts.indexOf(text) !== k);
  if (twice !== undefined) throw new SpaceProblem([name], `${twice} appears twice`);
  return { kind: "choice", values, settings: null };
}

function refuseEmpty(name: string, low: number, high: number, log: boolean): void {
  if (low >= high)
    throw new SpaceProblem([name], `expected [low, high] with low below high, received [${low}, ${high}]`);
  if (log && low <= 0) throw new SpaceProblem([name], `expected low above 0 if log is true, received ${low}`);
}

/** Sorts each dimension after those that its condition names. @throws SpaceProblem for a cycle */
function inOrder(dimensions: readonly Dimension[]): Space {
  const order: Dimension[] = [];
  let rest = [...dimensions];
  while (rest.length > 0) {
    const ready = rest.filter(({ when }) =>
      Object.keys(when).every((name) => order.some((dimension) => dimension.name === name)),
    );
    const [first] = rest;
    if (ready.length === 0)
      throw new SpaceProblem([first!.name, "when"], "depends on itself through other keys");
    order.push(...ready);
    rest = rest.filter((dimension) => !ready.includes(dimension));
  }
  return order;
}

/** A list of points, or a map from their names to the keys that they set. */
export const listedPoints = z.union([z.array(settings), z.record(z.string().min(1).max(120), settings)]);

export interface ListedPoint {
  name: string | null;
  values: Values;
}

export function listedPointsOf(written: z.output<typeof listedPoints>): ListedPoint[] {
  if (Array.isArray(written)) return written.map((values) => ({ name: null, values }));
  return Object.entries(written).map(([name, values]) => ({ name, values }));
}
