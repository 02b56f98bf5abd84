/** The identity of a trained model: its ModelSpec and its weights, regardless of its name and wherever it is stored. */
import { sha256Of } from "../data/sealed-json.js";
import type { StageName } from "../config/stages.js";
import type { ModelSpec } from "./spec.js";

/** @param weights SHA-256 of each stage's file   @returns SHA-256 in hexadecimal digits */
export function modelHash(spec: ModelSpec, weights: Partial<Record<StageName, string>>): string {
  const { name: _, plugins, prepared, ...others } = spec;
  const { source: __, ...recipe } = prepared.recipe; // the name of a folder says nothing of the model
  const rest = { ...others, prepared: { ...prepared, recipe } };
  const stages = Object.entries(weights).sort(([a], [b]) => (a < b ? -1 : 1));
  const facts = ["slicestack model 1", sorted(rest), plugins.map(({ sha256 }) => sha256), stages];
  return sha256Of(JSON.stringify(facts));
}

/** The identity of one model, or of several whose probabilities are averaged. @param hashes at least one */
export const togetherHash = (hashes: readonly string[]): string =>
  hashes.length === 1 ? hashes[0]! : sha256Of(hashes.join("\n"));

/** The same value with the keys of every object in order: a file that was read again may have others. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]),
  );
}
