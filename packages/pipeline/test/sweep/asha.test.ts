/** Successive halving against Optuna's SuccessiveHalvingPruner (fixtures/sweep/samplers.py), and by hand with seeds and folds. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isPromoted, SuccessiveHalving } from "../../src/sweep/asha.js";
import {
  trialsOf,
  type CurveEntry,
  type Point,
  type Trial,
  type TrialReport,
} from "../../src/sweep/trial.js";

interface Case {
  reduction: number;
  minEpochs: number;
  /** Trial, step, value, whether it is pruned then. */
  reports: [number, number, number, boolean][];
}
const { halving } = JSON.parse(
  readFileSync(new URL("../../../../../fixtures/sweep/samplers.json", import.meta.url), "utf8"),
) as { halving: Case[] };

const pointOf = (number: number): Point => ({
  number,
  name: null,
  values: {},
  settings: {},
  source: "random",
});
const entry = (stage: string, epoch: number, value: number): CurveEntry => ({ stage, epoch, value });

test("the same trials are pruned at the same steps as by Optuna", () => {
  for (const { reduction, minEpochs, reports } of halving) {
    const pruner = new SuccessiveHalving({ stage: "first", minEpochs, reduction });
    const history = new Map<number, TrialReport>();
    let pruned = 0;
    for (const [number, step, value, expected] of reports) {
      const [trial] = trialsOf(pointOf(number), { seeds: [0], folds: [null] });
      const curve = [...(history.get(number)?.curve ?? []), entry("slice", step, value)];
      history.set(number, { trial: trial!, state: "running", objective: null, curve, epochs: curve.length });
      const isPruned = pruner.prune([...history.values()]).includes(number);
      assert.equal(isPruned, expected, `trial ${number}, step ${step}, reduction ${reduction}`);
      if (isPruned) pruned++;
      const state = isPruned ? "pruned" : step === 20 ? "finished" : "running";
      history.set(number, { ...history.get(number)!, state, objective: state === "finished" ? value : null });
    }
    assert.ok(pruned >= 15, `${pruned} were pruned`);
  }
});

test("the best 1 / reduction go on; of fewer values the best one; NaN never", () => {
  assert.equal(isPromoted(0.5, [], 3), true);
  assert.equal(isPromoted(0.5, [0.6], 3), false);
  assert.equal(isPromoted(0.6, [0.5, 0.7, 0.4, 0.3, 0.2], 3), true); // second of six
  assert.equal(isPromoted(0.5, [0.6, 0.7, 0.4, 0.3, 0.2], 3), false); // third of six
  assert.equal(isPromoted(NaN, [], 2), false);
  assert.equal(isPromoted(0.1, [NaN, NaN], 3), true);
  assert.equal(isPromoted(0.9, new Array<number>(7).fill(NaN), 4), true);
  assert.equal(isPromoted(0.5, [0.9, ...new Array<number>(6).fill(NaN)], 4), false);
});

const repeats = { seeds: [0, 1], folds: [0, 1] };

/** A point whose trials, seed by seed and fold by fold, have these values at their first epoch; null: not there yet. */
function point(
  number: number,
  values: readonly (number | null)[],
  state: TrialReport["state"] = "running",
): TrialReport[] {
  return trialsOf(pointOf(number), repeats).map((trial: Trial, k) => {
    const value = values[k] ?? null;
    const curve = value === null ? [] : [entry("slice", 1, value)];
    return { trial, state: value === null ? "waiting" : state, objective: null, curve, epochs: curve.length };
  });
}

test("seeds and folds are judged together, against the same seeds and folds of the others", () => {
  const pruner = new SuccessiveHalving({ stage: "first", minEpochs: 1, reduction: 2 });
  // Fold 1 is easy: 0.6 on fold 0 is better than what the other point has there, though its mean is higher.
  const ahead = point(0, [0.5, 0.9, 0.5, 0.9], "finished");
  assert.deepEqual(pruner.prune([...ahead, ...point(1, [0.6, null, null, null])]), []);
  // Its second trial brings it below, and the whole point is given up.
  assert.deepEqual(pruner.prune([...ahead, ...point(1, [0.6, 0.7, null, null])]), [1]);
  // A point that has not reached the others' trials is compared with nobody.
  const behind = [...point(0, [0.9, null, null, null]), ...point(1, [null, 0.1, null, null])];
  assert.deepEqual(new SuccessiveHalving({ stage: "first", minEpochs: 1, reduction: 2 }).prune(behind), []);
});

test("only points of the same stage are compared, and the best epoch so far counts", () => {
  const pruner = new SuccessiveHalving({ stage: "first", minEpochs: 2, reduction: 2 });
  const report = (number: number, curve: CurveEntry[]): TrialReport => {
    const [trial] = trialsOf(pointOf(number), { seeds: [0], folds: [null] });
    return { trial: trial!, state: "running", objective: null, curve, epochs: curve.length };
  };
  const slice = report(0, [entry("slice", 1, 0.8), entry("slice", 2, 0.6), entry("volume", 1, 0.1)]);
  const volume = report(1, [entry("volume", 1, 0.2), entry("volume", 2, 0.3)]);
  assert.deepEqual(pruner.prune([slice, volume]), []);
  assert.deepEqual(
    pruner.prune([slice, volume, report(2, [entry("slice", 1, 0.7), entry("slice", 2, 0.75)])]),
    [2],
  );
  const later = new SuccessiveHalving({ stage: "volume", minEpochs: 1, reduction: 2 });
  assert.deepEqual(later.prune([volume, slice]), [0]);
});

test("a point that has passed a rung is not judged there again, also by a controller that starts anew", () => {
  const report = (number: number, values: number[]): TrialReport => {
    const [trial] = trialsOf(pointOf(number), { seeds: [0], folds: [null] });
    const curve = values.map((value, k) => entry("slice", k + 1, value));
    return { trial: trial!, state: "running", objective: null, curve, epochs: curve.length };
  };
  const options = { stage: "first", minEpochs: 1, reduction: 2 } as const;
  const pruner = new SuccessiveHalving(options);
  const first = report(0, [0.5, 0.6]);
  assert.deepEqual(pruner.prune([first]), []);
  const others = [1, 2, 3].map((number) => report(number, [0.9]));
  assert.deepEqual(pruner.prune([first, ...others]), []);
  assert.deepEqual(new SuccessiveHalving(options).prune([first, ...others]), []);
});
