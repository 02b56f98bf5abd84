/** Optimisers, schedules, warm-up, clipping, averages, early stopping: what the loop does with them, against plain numbers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { OptimisationConfig } from "../../src/config/types.js";
import { loadConfig } from "../../src/config/load.js";
import { readSafetensors } from "../../src/weights/safetensors.js";
import { runPaths } from "../../src/run/folder.js";
import { createSchedule } from "../../src/train/optimisation.js";
import { leakFree } from "../models/support.js";
import { kept, pointStage, runStageHere, settings } from "./toy.js";
import { test } from "node:test";
import { scope } from "@slicestack/torch";

const items = [2, 3, 5, 6]; // mean 4
const near = (found: number, wanted: number, tolerance = 2e-6) =>
  assert.ok(Math.abs(found - wanted) <= tolerance, `expected ${wanted}, received ${found}`);

/** w after a number of steps of the textbook formulas, at these rates. */
function reckoned(config: OptimisationConfig, rates: readonly number[]): number[] {
  const { optimizer, momentum, weightDecay, clipNorm } = config;
  let [w, velocity, mean, square] = [1, 0, 0, 0];
  return rates.map((rate, k) => {
    let gradient = w - 4;
    if (clipNorm !== null) gradient *= Math.min(1, clipNorm / (Math.abs(gradient) + 1e-6));
    if (optimizer !== "adamw") gradient += weightDecay * w;
    else w -= rate * weightDecay * w;
    if (optimizer === "sgd") {
      velocity = momentum * velocity + gradient;
      w -= rate * velocity;
      return w;
    }
    mean = 0.9 * mean + 0.1 * gradient;
    square = 0.999 * square + 0.001 * gradient * gradient;
    w -= (rate * (mean / (1 - 0.9 ** (k + 1)))) / (Math.sqrt(square / (1 - 0.999 ** (k + 1))) + 1e-8);
    return w;
  });
}

const optimisers: Record<string, string>[] = [
  { optimizer: "sgd" },
  { optimizer: "sgd", momentum: "0.9", weight_decay: "0.1" },
  { optimizer: "adam" },
  { optimizer: "adam", weight_decay: "0.1" },
  { optimizer: "adamw", weight_decay: "0.1" },
  { optimizer: "sgd", clip_norm: "0.5" },
  { optimizer: "sgd", clip_norm: "100" },
  { optimizer: "sgd", accumulate: "3" },
];
for (const keys of optimisers) {
  leakFree(`six steps with ${JSON.stringify(keys)} equal the textbook formulas`, (folder) => {
    const config = settings(keys);
    const stage = pointStage(config, items);
    using _model = stage.model;
    const { rows } = runStageHere(stage, folder);
    const wanted = reckoned(config, new Array<number>(6).fill(0.1));
    stage.seen.forEach((w, k) => near(w, wanted[k]!));
    near(rows[0]!.gradient_norm, 3); // before it is clipped
    near(kept(folder, "last"), wanted[5]!);
  });
}

/** Rates of 12 epochs of 2 steps, of which the schedule sees that val does not get better after the first. */
function ratesOf(keys: Record<string, string>): number[] {
  const schedule = createSchedule(settings({ epochs: "12", ...keys }), 2);
  return Array.from({ length: 12 }, (_, epoch) => {
    const rates = [schedule.rate(2 * epoch, epoch), schedule.rate(2 * epoch + 1, epoch)];
    schedule.observe(1);
    return rates;
  }).flat();
}
const all = (body: (step: number, epoch: number) => number) =>
  Array.from({ length: 24 }, (_, step) => body(step, Math.floor(step / 2)));
const halfCosine = (share: number) => (0.1 * (1 + Math.cos(Math.PI * share))) / 2;
const schedules: [string, Record<string, string>, number[]][] = [
  ["constant", { schedule: "constant" }, all(() => 0.1)],
  // The first epoch is the best; the sixth after it in vain is one too many (patience 5).
  ["plateau", { schedule: "plateau" }, all((_, epoch) => (epoch <= 6 ? 0.1 : 0.01))],
  ["step", { schedule: "step" }, all((_, epoch) => 0.1 * 0.1 ** Math.floor(epoch / 4))],
  ["cosine", { schedule: "cosine" }, all((step) => halfCosine(step / 24))],
  [
    "constant with warm-up",
    { schedule: "constant", warmup_epochs: "2" },
    all((step) => 0.1 * Math.min(1, (step + 1) / 5)),
  ],
  [
    "plateau with warm-up",
    { schedule: "plateau", warmup_epochs: "1" },
    all((step, epoch) => (epoch <= 6 ? 0.1 : 0.01) * Math.min(1, (step + 1) / 3)),
  ],
  [
    "step with warm-up",
    { schedule: "step", warmup_epochs: "2" },
    all((step, epoch) => 0.1 * 0.1 ** Math.floor(epoch / 4) * Math.min(1, (step + 1) / 5)),
  ],
  [
    "cosine with warm-up",
    { schedule: "cosine", warmup_epochs: "2" },
    all((step) => (step < 4 ? (0.1 * (step + 1)) / 5 : halfCosine((step - 4) / 20))),
  ],
];
for (const [name, keys, wanted] of schedules) {
  test(`schedule ${name}: the rate of each step (by hand)`, () => {
    ratesOf(keys).forEach((rate, step) => near(rate, wanted[step]!, 1e-12));
  });
}

test("schedule one_cycle: rises for 0.3 of the steps from 1/25 of the rate, falls to zero; an additional warm-up is refused", () => {
  const rates = ratesOf({ schedule: "one_cycle" });
  near(rates[0]!, 0.1 / 25, 1e-12);
  const top = rates.indexOf(Math.max(...rates));
  assert.ok(Math.abs(top - (0.3 * 24 - 1)) <= 1, `at step ${top}`);
  near(rates.at(-1)!, 0.1 / 25 / 1e4, 1e-12);
  for (const stage of ["slice", "head", "fine_tune"])
    assert.throws(
      () =>
        loadConfig({
          overrides: {
            [`${stage}.schedule`]: "one_cycle",
            [`${stage}.warmup_epochs`]: "1",
            [`${stage}.epochs`]: "2",
          },
        }),
      /warmup_epochs: expected 0, because the schedule one_cycle has a rise already, received 1/,
    );
});

leakFree("the loop takes each step at the rate of its schedule and logs it", (folder) => {
  const config = settings({ schedule: "cosine", warmup_epochs: "2", optimizer: "adam" });
  const stage = pointStage(config, items);
  using _model = stage.model;
  const { rows } = runStageHere(stage, folder);
  const rates = [
    0.1 / 3,
    0.2 / 3,
    0.1,
    ...[1, 2, 3].map((k) => (0.1 * (1 + Math.cos((Math.PI * k) / 4))) / 2),
  ];
  rows.forEach(({ learning_rate }, k) => near(learning_rate, rates[k]!, 1e-9));
  const wanted = reckoned(config, rates);
  stage.seen.forEach((w, k) => near(w, wanted[k]!));
});

leakFree(
  "ema: val sees, and best holds, the moving average of the weights; last holds the weights (by hand)",
  (folder) => {
    const config = settings({ ema: "0.3" });
    const stage = pointStage(config, items, [6, 5, 4, 3, 2, 1]);
    using _model = stage.model;
    runStageHere(stage, folder);
    const weights = reckoned(config, new Array<number>(6).fill(0.1));
    let mean = 1;
    const means = weights.map((w, t) => {
      const decay = Math.min(0.3, (1 + t) / (10 + t)); // grows to the configured decay
      return (mean = decay * mean + (1 - decay) * w);
    });
    assert.ok(means.some((one, k) => Math.abs(one - weights[k]!) > 0.01));
    stage.seen.forEach((w, k) => near(w, means[k]!));
    near(kept(folder, "best"), means[5]!);
    near(kept(folder, "last"), weights[5]!);
    near(stage.model.w.item(), weights[5]!);
  },
);

leakFree(
  "patience 2: stops after the second epoch without a better one, logs that, keeps the best; a resume changes nothing",
  (folder) => {
    const config = settings({ epochs: "10", patience: "2" });
    const stage = pointStage(config, items, [5, 3, 4, 3.5, 1]);
    using _model = stage.model;
    const { result, lines, rows } = runStageHere(stage, folder);
    assert.equal(rows.length, 4);
    assert.deepEqual(result, { status: "finished", best: 1 - 3 / 100 });
    assert.deepEqual(lines, ["volume stage: no better epoch for 2; stopped after 4 of 10"]);
    near(kept(folder, "best"), reckoned(config, [0.1, 0.1])[1]!);
    const metadata = scope(() => readSafetensors(runPaths(folder).best("volume")).metadata);
    assert.deepEqual([metadata["epoch"], metadata["selected_by"]], ["1", "macro_f1"]);

    const again = pointStage(config, items, [0]);
    using _again = again.model;
    const resumed = runStageHere(again, folder, { resume: true });
    assert.deepEqual([resumed.rows.length, again.seen.length, resumed.result.status], [4, 0, "finished"]);
  },
);

for (const [select, best] of [
  ["loss", 2],
  ["macro_f1", 1],
  ["auroc", 3],
] as const) {
  leakFree(`select ${select}: the best epoch is chosen by it`, (folder) => {
    const stage = pointStage(settings({ select, epochs: "4" }), items);
    using _model = stage.model;
    const scores = [
      { loss: 4, macroF1: 0.2, auroc: 0.5 },
      { loss: 3, macroF1: 0.9, auroc: 0.6 },
      { loss: 1, macroF1: 0.3, auroc: 0.6 },
      { loss: 2, macroF1: 0.3, auroc: 0.7 },
    ];
    let epoch = 0;
    const validate = () => ({ ...stage.validate(), ...scores[epoch++]! });
    runStageHere({ ...stage, validate }, folder);
    const { metadata } = scope(() => readSafetensors(runPaths(folder).best("volume")));
    assert.equal(metadata["epoch"], String(best));
  });
}

leakFree(
  "a stop and a resume in the middle of warm-up, momentum and average: the weights of an undisturbed run, to the bit",
  (folder) => {
    const config = settings({
      epochs: "6",
      optimizer: "adam",
      schedule: "cosine",
      warmup_epochs: "3",
      ema: "0.9",
    });
    const ended = (name: string, stops: number[]) => {
      const run = join(folder, name);
      for (const [k, stop] of [...stops, Infinity].entries()) {
        const stage = pointStage(config, items);
        using _model = stage.model;
        let asked = 0;
        runStageHere(stage, run, { resume: k > 0, stopping: () => asked++ >= stop });
      }
      return [kept(run, "best"), kept(run, "last")];
    };
    assert.deepEqual(ended("stopped", [1, 1, 2]), ended("whole", []));
  },
);
