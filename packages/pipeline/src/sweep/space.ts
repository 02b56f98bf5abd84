/** The space of a sweep: its dimensions, their values, and the conditions under which a dimension takes part. */
import { isMapping } from "../config/document.js";
import type { JsonValue, Values } from "./trial.js";

/** The dimension takes part in a point only if each of these dimensions has one of these values. */
export type Condition = Readonly<Record<string, readonly JsonValue[]>>;

export interface FloatRange {
  kind: "float";
  low: number;
  high: number;
  /** Whether to draw uniformly on the logarithmic scale. */
  log: boolean;
  /** Number of values in a grid, both ends included; null if it is not used in a grid. */
  points: number | null;
}

export interface IntRange {
  kind: "int";
  low: number;
  high: number;
  log: boolean;
  /** Distance between values; 1 if `log` is set. */
  step: number;
}

export interface Choices {
  kind: "choice";
  values: readonly JsonValue[];
  /** For choices that set several keys: the settings by name of the choice. The value is then the name. */
  settings: ReadonlyMap<JsonValue, Values> | null;
}

export type Domain = FloatRange | IntRange | Choices;

export interface Dimension {
  /** A dotted key of the configuration, or any name if its choices set several keys. */
  name: string;
  domain: Domain;
  when: Condition;
}

export type Space = readonly Dimension[];

/** Whether the dimension takes part, given the values of those before it. */
export const takesPart = ({ when }: Dimension, values: Values): boolean =>
  Object.entries(when).every(([name, allowed]) => {
    const value = values[name];
    return value !== undefined && allowed.some((one) => sameValue(one, value));
  });

export function sameValue(a: JsonValue, b: JsonValue): boolean {
  return a === b || (typeof a === "object" && typeof b === "object" && canonicalJson(a) === canonicalJson(b));
}

/** JSON with sorted keys, so that equal values have the same text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isMapping(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

/** The settings of the configuration for a point of the space. */
export function settingsOf(space: Space, values: Values): Values {
  const named = new Map(space.map(({ name, domain }) => [name, domain]));
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      const domain = named.get(name);
      if (domain?.kind !== "choice" || domain.settings === null) return [[name, value]];
      return Object.entries(domain.settings.get(value) ?? {});
    }),
  );
}
