/** Reference data of fixtures/evaluate, and what several tests of this folder build. */
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import { Random } from "@slicestack/stats";
import type { Predictions } from "../../src/evaluate/predictions.js";

/** JSON made by the script of the same name. */
export function fixture<T>(name: string): T {
  const url = new URL(`../../../../../fixtures/evaluate/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as T;
}

/** Equal within `tolerance`; NaN equals null and NaN. */
export function close(actual: number, expected: number | null, tolerance: number, what: string): void {
  if (expected === null || Number.isNaN(expected))
    return assert.ok(Number.isNaN(actual), `${what}: ${actual}, not NaN`);
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, expected ${expected}`);
}

/** Predictions of a model that is right with the given signal; labels cycle unevenly over the classes. */
export function simulate(options: {
  model: string;
  seed: number;
  counts: readonly number[];
  signal: number;
  volumesEach?: number;
}): Predictions {
  const { model, seed, counts, signal, volumesEach = 1 } = options;
  const random = new Random(seed);
  const predictions: Predictions = {
    model,
    part: "test",
    ids: [],
    subjects: [],
    labels: [],
    probabilities: [],
  };
  counts.forEach((count, label) => {
    for (let s = 0; s < count; s++)
      for (let v = 0; v < volumesEach; v++) {
        const logits = counts.map((_, c) => random.normal() - signal * Math.abs(c - label));
        const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
        predictions.ids.push(`v${label}-${s}-${v}`);
        predictions.subjects.push(`s${label}-${s}`);
        predictions.labels.push(label);
        predictions.probabilities.push(logits.map((logit) => Math.exp(logit) / sum));
      }
  });
  return predictions;
}
