/** The long counts, and the table of docs/explanation/statistics.md, are in coverage.long.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { summarise } from "../../../src/evaluate/summary.js";
import { COVERED, coverage, coverageRow } from "./coverage.js";

// 200 samples of a 95 % interval: 93 to 97 %, and twice the error of a share of 200, 1.5 %, below.
const [LOWEST, HIGHEST] = [0.9, 0.995];

for (const volumes of [1, 4])
  for (const subjects of volumes === 1 ? [20] : [20, 40])
    test(`95 % intervals hold the truth: ${subjects} subjects with up to ${volumes} volumes (simulation)`, () => {
      const population = { subjects, volumes, prevalence: 0.4, skill: [1.5, 1] as const };
      const found = coverage(population, 200, 60);
      for (const name of COVERED)
        for (const table of [found.metric, found.difference])
          assert.ok(table[name]! >= LOWEST && table[name]! <= HIGHEST, coverageRow(population, found));
    });

test("95 % intervals of a balanced accuracy hold the truth where the rare class is often without an error (simulation)", () => {
  // 10 positives in 50, of which all are right in one sample of six: no resample then says how far off that may be.
  const { metric } = coverage({ subjects: 50, volumes: 1, prevalence: 0.2, skill: [2, 2] }, 200, 60);
  assert.ok(metric["balancedAccuracy"]! >= LOWEST, String(metric["balancedAccuracy"]));
});

test("one number, one interval: 19 of 51 right is Wilson's 0.25 to 0.51 where each volume is a subject, and about as wide where three subjects have two volumes", () => {
  const volumes = (subject: (i: number) => string) => {
    const rows = Array.from({ length: 51 }, (_, i) => i);
    const labels = rows.map((i) => (i < 19 ? 0 : 1 + (i % 4)));
    const probabilities = rows.map(() => [0.6, 0.1, 0.1, 0.1, 0.1]);
    return {
      model: "majority",
      part: "test" as const,
      ids: rows.map((i) => `v${i}`),
      subjects: rows.map(subject),
      labels,
      probabilities,
    };
  };
  const options = { classes: ["a", "b", "c", "d", "e"], seed: 0, resamples: 50 };
  const bounds = (subject: (i: number) => string) => {
    const { low, high } = summarise([volumes(subject)], options)[0]!.metrics.accuracy.interval;
    return [low.toFixed(2), high.toFixed(2)];
  };
  assert.deepEqual(
    bounds((i) => `s${i}`),
    ["0.25", "0.51"],
  );
  // Volumes 0 and 1, 20 and 24, 21 and 25 are of one subject each.
  assert.deepEqual(
    bounds((i) => `s${({ 1: 0, 24: 20, 25: 21 } as Record<number, number>)[i] ?? i}`),
    ["0.24", "0.52"],
  );
});
