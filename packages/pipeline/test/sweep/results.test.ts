/** Results of a sweep: the ranking, the optimism of the choice, the effect of keys, the files. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { Random } from "@slicestack/stats";
import { loadConfig } from "../../src/config/load.js";
import { writePredictions } from "../../src/evaluate/predictions.js";
import { tell } from "../../src/sweep/ask.js";
import { beginSweep } from "../../src/sweep/begin.js";
import { metricsOf } from "../../src/sweep/objective.js";
import { effectsOf } from "../../src/sweep/results/regression-forest.js";
import { selectionBootstrap, type TrialScores } from "../../src/sweep/results/selection-bootstrap.js";
import { sweepResults } from "../../src/sweep/results/sweep-results.js";
import type { Sweep } from "../../src/sweep/sweep.js";
import { writeResult } from "../../src/sweep/trial-result.js";
import type { Trial } from "../../src/sweep/trial.js";
import { openPage, skipWithoutChromium } from "../evaluate/chromium.js";
import { scratch, smallDataset } from "../train/support.js";

/** Predictions whose score rises with `skill`: 0 knows nothing. */
function scores(skill: number, random: Random, subjects = 40): TrialScores {
  const labels = Array.from({ length: subjects }, (_, k) => k % 2);
  const probabilities = labels.map((label) => {
    const p = 1 / (1 + Math.exp(-(skill * (label - 0.5) + random.normal())));
    return [1 - p, p];
  });
  return { subjects: labels.map((_, k) => `s${k}`), labels, probabilities };
}
const options = { metric: "auroc", minimize: false, seed: 1, resamples: 300 } as const;

test("of 30 models that know nothing the best looks good; the bootstrap takes that back", () => {
  const gains: number[] = [];
  const corrected: number[] = [];
  for (let seed = 0; seed < 8; seed++) {
    const random = new Random(seed);
    const candidates = Array.from({ length: 30 }, (_, point) => ({ point, trials: [scores(0, random)] }));
    const best = Math.max(...candidates.map(({ trials }) => metricsOf(trials[0]!).auroc));
    const found = selectionBootstrap(candidates, { ...options, seed });
    gains.push(best);
    corrected.push(found.corrected!.value);
    assert.ok(found.corrected!.low < 0.5 && found.corrected!.high > 0.5);
  }
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  assert.ok(mean(gains) > 0.65, `the best of 30: ${mean(gains)}`);
  // The subjects are the same in all models' scores, so that some of the luck stays; most of it must go.
  assert.ok(mean(corrected) < 0.5 + 0.6 * (mean(gains) - 0.5), `corrected: ${mean(corrected)}`);
});

test("a model that is really better keeps its score, wins the resamples, and has an interval over subjects", () => {
  const random = new Random(3);
  const candidates = [0, 1, 2, 3].map((point) => ({
    point,
    trials: [scores(point === 2 ? 4 : 0.2, random, 200)],
  }));
  const found = selectionBootstrap(candidates, options);
  const value = metricsOf(candidates[2]!.trials[0]!).auroc;
  assert.ok(Math.abs(found.corrected!.value - value) < 0.02);
  assert.equal(found.picked.get(2), 1);
  const { low, high } = found.intervals.get(2)!;
  assert.ok(low < value && value < high && high - low < 0.1);
});

test("the forest finds the keys that matter, also one that takes part in some points alone, and none where there are none", () => {
  const random = new Random(2);
  const count = 120;
  const draw = () => Array.from({ length: count }, () => random.uniform());
  const [rate, idle] = [draw(), draw()];
  const kind = Array.from({ length: count }, (_, k) => k % 3);
  const width = kind.map((one) => (one === 0 ? NaN : random.uniform()));
  const features = [
    { name: "idle", kind: "number", values: idle },
    { name: "rate", kind: "number", values: rate },
    { name: "kind", kind: "choice", values: kind },
    { name: "width", kind: "number", values: width },
  ] as const;
  const target = rate.map((x, k) => -4 * (x - 0.4) ** 2 + (kind[k] === 2 ? 0.5 : 0) + 0.02 * random.normal());
  const { importances, explained } = effectsOf(features, target, 1);
  const share = (name: string) => importances.find((one) => one.name === name)!.share;
  assert.ok(explained > 0.8, `${explained}`);
  assert.ok(
    share("rate") > 0.3 && share("kind") > 0.1 && share("idle") < 0.02 && share("width") < 0.05,
    JSON.stringify(importances),
  );
  const noise = effectsOf(features, draw(), 1);
  assert.ok(noise.explained < 0.1, `${noise.explained}`);
  assert.equal(
    effectsOf(
      features,
      rate.map(() => 0.5),
      1,
    ).explained,
    0,
  );
});

const folder = scratch();
let data = "";
before(async () => {
  data = await smallDataset(folder);
});

/** What `sweep trial` would leave. */
function finish(sweep: Sweep, trial: Trial, skill: number, random: Random): void {
  sweep.prepareTrial(trial);
  const paths = sweep.paths.trial(trial.id);
  const { subjects, labels, probabilities } = scores(skill, random);
  const ids = subjects.map((subject) => `v${subject}`);
  mkdirSync(dirname(paths.predictions), { recursive: true });
  writePredictions(paths.predictions, [
    {
      model: "2d_vote",
      part: "val",
      ids,
      subjects: [...subjects],
      labels: [...labels],
      probabilities: probabilities.map((row) => [...row]),
    },
  ]);
  const metrics = metricsOf({ labels: [...labels], probabilities: probabilities.map((row) => [...row]) });
  writeResult(paths.result, {
    version: 1,
    status: "finished",
    objective: metrics.auroc,
    metrics: {},
    epochs: 2,
    seconds: 30,
  });
}

async function finishedSweep(name: string, points: number): Promise<Sweep> {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `name: ${name}
config: {method: 2d, slice: {epochs: 2}}
objective: auroc
seeds: 2
search: random
budget: {points: ${points}}
space:
  slice.learning_rate: {float: [0.00001, 0.1], log: true}
  slice.dropout: [0, 0.2, 0.4]
  slice.label_smoothing: {float: [0, 0.2]}
`,
  );
  const sweep = await beginSweep(file, { data, out: join(folder, name) });
  sweep.propose([], points);
  const random = new Random(9);
  for (const trial of sweep.trials) {
    const { "slice.learning_rate": rate, "slice.dropout": dropout } = trial.point.values;
    const skill = 2.5 - 0.8 * Math.abs(Math.log10(Number(rate)) + 3) + (dropout === 0 ? 0.4 : 0);
    finish(sweep, trial, skill, random);
  }
  return sweep;
}

test("a sweep of 36 points: leaderboard, honest sentence, effects, best configuration, CSV and page", async () => {
  const sweep = await finishedSweep("whole", 36);
  const { outcome, text, files } = await sweepResults(sweep.folder, {
    command: "slicestack sweep results whole",
  });
  assert.deepEqual(outcome.pickedFrom, { points: 36, trials: 72 });
  const [first, second] = outcome.ranking;
  assert.ok(first!.objective! >= second!.objective! && first!.interval!.low < first!.objective!);
  assert.ok(outcome.bootstrap!.corrected!.value < first!.objective!);
  assert.equal(outcome.effects!.importances[0]!.name, "slice.learning_rate");
  assert.match(
    text,
    /It was chosen from 36 points \(72\s+trials\)\.\s+The score of a chosen point is optimistic/,
  );
  const best = loadConfig({ file: files.best! });
  assert.deepEqual(best, { ...sweep.base.configOf(first!.point.settings), name: "whole" });
  const rows = readFileSync(files.leaderboard, "utf8").trim().split("\n");
  assert.equal(rows.length, 37);
  assert.match(
    rows[0]!,
    /^rank,point,name,source,state,auroc,low,high,sd,trials,epochs,seconds,slice\.learning_rate,slice\.dropout/,
  );
  assert.equal(files.figures.length, 4);
  const json = JSON.parse(readFileSync(files.results, "utf8")) as { best: { rank: number } };
  assert.equal(json.best.rank, 1);
});

test(
  "the page opens in Chromium without complaint and asks for nothing; narrow, it does not scroll sideways",
  { skip: skipWithoutChromium },
  async () => {
    const page = readFileSync(join(folder, "whole/results/results.html"), "utf8");
    const { complaints, requests } = await openPage(page, async (opened) => {
      assert.equal(await opened.locator("figure svg").count(), 4);
      await opened.setViewportSize({ width: 380, height: 800 });
      const wide = await opened.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      assert.equal(wide, 0);
    });
    assert.deepEqual([complaints, requests.length], [[], 0]);
  },
);

test("a sweep that runs has preliminary results; objectives that were told have no interval; few points no effects", async () => {
  const sweep = await finishedSweep("few", 3);
  sweep.add([
    { name: "told", values: { "slice.dropout": 0.3 } },
    { name: "open", values: { "slice.dropout": 0.35 } },
  ]);
  for (const { id, point } of sweep.trials)
    if (point.name === "told") await tell(sweep.folder, { trial: id, objective: 0.999 });
  const { outcome, text } = await sweepResults(sweep.folder);
  assert.equal(outcome.best!.point.name, "told");
  assert.equal(outcome.best!.interval, null);
  assert.equal(outcome.effects, null);
  assert.match(text, /1 points are not finished/);
  assert.match(text, /were reported by another program\s+without predictions/);
  assert.match(text, /4 finished points are too few/);
});
