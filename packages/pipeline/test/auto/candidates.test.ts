/** How the budget becomes folds, epochs and candidates, on made-up machines. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { planCandidates, type Situation } from "../../src/auto/candidates.js";
import { BudgetError } from "../../src/auto/errors.js";
import { loadConfig } from "../../src/config/load.js";
import { chooseNetwork, type NetworkSpeed } from "../../src/plan/choose-network.js";
import type { Fingerprint } from "../../src/plan/fingerprint.js";
import "../../src/models/catalogue.js";

const VOLUMES = 700;

const fingerprintOf = (folds: number): Fingerprint => ({
  name: "nodules",
  unit: "arbitrary",
  height: 64,
  width: 64,
  depth: [1, 5, 43],
  classes: ["benign", "malignant"],
  train: [0.7, 0.3].map((share) => Math.round((share * VOLUMES * (folds - 1)) / folds)),
  val: [0.7, 0.3].map((share) => Math.round((share * VOLUMES) / folds)),
  subjects: 400,
  anisotropy: 1,
  flags: ["a flag of the data"],
});
const network: NetworkSpeed = { model: "attn", size: [32, 32, 32], training: 60, inference: 200 };
const laptop: Situation = {
  fingerprintOf,
  mostFolds: 300,
  machine: {
    device: "cpu",
    cores: 2,
    memoryBytes: 8e9,
    speeds: [{ model: "slice_cnn", training: 1500, embedding: 5000 }],
    pretrained: [],
  },
  network,
  budget: null,
  settings: [{ key: "seed", value: 7, reason: "of --seed" }],
};
const within = (total: number, more: Partial<Situation> = {}) =>
  planCandidates({ ...laptop, budget: { total, spent: 30 }, ...more });
const epochs = (plan: ReturnType<typeof within>) =>
  plan.candidates.map(({ name, epochs: count }) => [name, count]);

test("without a budget: five folds, all epochs, 2D beside the 2.5D that trains its slices, and 3D", () => {
  const plan = planCandidates(laptop);
  assert.equal(plan.folds, 5);
  assert.deepEqual(epochs(plan), [
    ["2.5d", 20],
    ["2d", 20],
    ["3d", 20],
  ]);
  assert.match(
    plan.reasons[0]!,
    /5 folds, 2\.5D 20 epochs, 3D 20 epochs: the full plan, because no budget was given/,
  );
  assert.deepEqual(plan.warnings, ["a flag of the data"]);
});

test("a shorter budget means fewer epochs, then fewer folds, then no 3D; no plan takes longer than it", () => {
  const budgets = [7200, 1800, 900, 600, 400, 300, 240, 200, 170, 150];
  const plans = budgets.flatMap((budget) => {
    try {
      return [{ budget, plan: within(budget) }];
    } catch (error) {
      assert.ok(error instanceof BudgetError);
      return [];
    }
  });
  assert.ok(plans.length >= 5, "most of these budgets suffice");
  for (const { budget, plan } of plans)
    assert.ok(plan.seconds + 30 <= budget, `${plan.seconds} s of ${budget} s`);
  const folds = plans.map(({ plan }) => plan.folds);
  assert.deepEqual(
    folds,
    [...folds].sort((a, b) => b - a),
  );
  assert.deepEqual([...new Set(folds)], [5, 3, 2]);
  const last = plans.at(-1)!.plan;
  assert.deepEqual(
    last.candidates.map(({ name }) => name),
    ["2.5d", "2d"],
  );
  assert.match(last.reasons.join(" "), /3D is left out: its smallest training does not fit/);
});

test("where nothing fits, the error says the least budget that would do, and that budget does", () => {
  const caught = (() => {
    try {
      return within(60);
    } catch (error) {
      return error;
    }
  })();
  assert.ok(caught instanceof BudgetError);
  assert.match(
    caught.message,
    /^The budget of 60 s is too short: 30 s are spent before training, and the smallest comparison, of 2D and 2\.5D in 2 folds of 4 epochs, takes \d+ (s|min) in all\. Give --budget \d+m or more\.$/,
  );
  const minutes = Number(/--budget (\d+)m/.exec(caught.remedy)?.[1]);
  assert.equal(within(60 * minutes).folds, 2);
});

test("a rare class limits the folds, and the plan says so", () => {
  const plan = planCandidates({ ...laptop, mostFolds: 2 });
  assert.equal(plan.folds, 2);
  assert.match(
    plan.reasons.join(" "),
    /A class has 2 subjects outside the test set, and every fold needs one/,
  );
});

test("each file is a whole configuration of its method, with the shared settings; 2D and 2.5D have one slice stage", () => {
  const plan = planCandidates(laptop);
  const configs = new Map(
    plan.candidates.map(({ name, yaml }) => [name, loadConfig({ file: name, text: yaml })]),
  );
  for (const [name, config] of configs) assert.deepEqual([config.method, config.seed], [name, 7]);
  const [flat, ordered, whole] = (["2d", "2.5d", "3d"] as const).map((name) => configs.get(name)!);
  assert.ok(flat?.method === "2d" && ordered?.method === "2.5d" && whole?.method === "3d");
  assert.deepEqual(flat.slice, ordered.slice);
  assert.deepEqual(whole.network.size, [32, 32, 32]);
});

test("a network sees larger volumes only where all epochs are left for them, or on a GPU without a budget", () => {
  const cube: Fingerprint = { ...fingerprintOf(5), depth: [64, 64, 64] };
  const size = (data: Fingerprint, device: string, budget: number | null) =>
    chooseNetwork(data, { device, speed: network }, budget, 5).choices.find(
      ({ key }) => key === "network.size",
    )?.value;
  const [small, large] = [
    [32, 32, 32],
    [64, 64, 64],
  ];
  assert.deepEqual(size(cube, "cpu", null), small);
  assert.deepEqual(size(cube, "cuda:0", null), large);
  assert.deepEqual(size(cube, "cpu", 36_000), large);
  assert.deepEqual(size(cube, "cpu", 300), small);
  assert.deepEqual(size(fingerprintOf(5), "cuda:0", null), small, "five slices are not worth it");
  const short = chooseNetwork(cube, { device: "cpu", speed: network }, 10, 5);
  assert.match(short.warnings.join(), /The budget of 10 s is too short/);
});
