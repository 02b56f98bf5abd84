/** Turns the proposals of a sampler into points that are new and valid. */
import { ConfigError } from "../config/errors.js";
import { settingsKey, type BaseConfig } from "./base-config.js";
import type { Sampler } from "./sampler.js";
import { settingsOf } from "./space.js";
import type { SweepSpec } from "./sweep-file.js";
import type { Point, TrialReport, Values } from "./trial.js";

/** A point that has no number yet. */
export type NewPoint = Omit<Point, "number">;

interface Proposing {
  spec: SweepSpec;
  base: BaseConfig;
  sampler: Sampler;
  known: readonly Point[];
  history: readonly TrialReport[];
  count: number;
}

/** @returns at most `count`; fewer if the space is exhausted */
export function proposedPoints({ spec, base, sampler, known, history, count }: Proposing): NewPoint[] {
  if (count <= 0) return [];
  const keys = new Set(known.map(({ settings }) => settingsKey(settings)));
  const accepts = (values: Values): boolean => {
    const settings = settingsOf(spec.space, values);
    const key = settingsKey(settings);
    if (keys.has(key) || !isValid(base, settings)) return false;
    keys.add(key);
    return true;
  };
  const proposals = sampler.propose(history, count, accepts);
  return proposals.map((values) => {
    return { name: null, values, settings: settingsOf(spec.space, values), source: sampler.source };
  });
}

function isValid(base: BaseConfig, settings: Values): boolean {
  try {
    base.check(settings);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

/** How many points a search may still choose; points that were added, or proposed by other programs, do not count. */
export function pointsLeft({ budget }: SweepSpec, known: readonly Point[]): number {
  const chosen = known.filter(({ source }) => source !== "added" && source !== "asked").length;
  return (budget.points ?? Infinity) - chosen;
}
