import { test } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { METRICS, PredictionsError, ProbabilityError, ShapeError } from "@slicestack/stats";
import { readPredictions, writePredictions, type Predictions } from "../../src/evaluate/predictions.js";
import { compareModels } from "../../src/evaluate/compare/models.js";
import { summarise } from "../../src/evaluate/summary.js";
import { formatEstimate, formatNumber, formatP, formatSigned } from "../../src/page/format.js";
import { markdownTable, summaryTable } from "../../src/report/summary-tables.js";
import { parseTrainingRows } from "../../src/run/training-rows.js";
import { close, simulate } from "./fixture.js";
import { examplePredictions } from "../report/report-example.js";

const GRADES = ["CT-0", "CT-1", "CT-2"];
const options = { classes: GRADES, seed: 3, ordinal: true, resamples: 400 };

function withFolder(use: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-evaluate-"));
  try {
    use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("predictions.csv: what is written is read back, bit for bit, models and parts apart", () => {
  withFolder((folder) => {
    const path = join(folder, "predictions.csv");
    const all = examplePredictions([3, 4]);
    all.push({ ...all[0]!, part: "val", ids: all[0]!.ids.map((id) => `${id}, "quoted"`) });
    writePredictions(path, all);
    assert.equal(readFileSync(path, "utf8").split("\n")[0], "model,part,id,subject,label,p_0,p_1");
    assert.deepEqual(readPredictions(path), all);
  });
});

test("predictions.csv: broken files are refused with file and line", () => {
  withFolder((folder) => {
    const path = join(folder, "predictions.csv");
    const refuses = (text: string, pattern: RegExp) => {
      writeFileSync(path, text);
      assert.throws(
        () => readPredictions(path),
        (error) =>
          error instanceof PredictionsError && pattern.test(error.message) && error.message.startsWith(path),
      );
    };
    refuses("", /empty file/);
    refuses("model,part,id,label,p_0,p_1\n", /expected the header/);
    const header = "model,part,id,subject,label,p_0,p_1\n";
    refuses(`${header}m,train,a,s,0,0.5,0.5\n`, /line 2: expected part val or test/);
    refuses(`${header}m,test,a,s,0,0.5,0.5\nm,test,b,s,0,,0.5\n`, /line 3: expected a number/);
    refuses(`${header}m,test,a,s,0,0.5\n`, /CSV/);
    writeFileSync(path, `${header}m,test,a,s,0,0.7,0.7\n`);
    assert.throws(() => readPredictions(path), ProbabilityError);
    writeFileSync(path, `${header}m,test,a,s,0,0.5,0.5\nm,test,a,s,0,0.5,0.5\n`);
    assert.throws(() => readPredictions(path), /a appears twice/);
    assert.throws(() => writePredictions(path, []), PredictionsError);
  });
});

test("a summary holds every metric; proportions have Wilson's interval where subjects have one volume each", () => {
  const [summary] = summarise(
    [simulate({ model: "2.5d", seed: 1, counts: [20, 12, 9], signal: 1.5 })],
    options,
  );
  assert.deepEqual(Object.keys(summary!.metrics), [...METRICS]);
  assert.equal(summary!.metrics.accuracy.interval.method, "wilson");
  assert.equal(summary!.metrics.balancedAccuracy.interval.method, "wilson, combined");
  for (const name of ["balancedAccuracy", "macroF1", "quadraticKappa", "auroc"] as const) {
    const { value, interval } = summary!.metrics[name];
    assert.ok(interval.low < value && value < interval.high, name);
  }
  assert.deepEqual(
    summary!.perClass.map(({ support, small }) => [support, small]),
    [
      [20, false],
      [12, false],
      [9, true],
    ],
  );
  assert.match(summary!.warnings.join(), /Fewer than 10 test subjects of CT-2 \(n = 9\)/);
  assert.equal(summary!.roc.length, 3);
  assert.equal(summary!.reliability.length, 8);
});

test("several volumes a subject: bootstrap over subjects, wider than if volumes were subjects", () => {
  const volumes = simulate({ model: "m", seed: 2, counts: [10, 10, 10], signal: 0.8 });
  // Every volume five times over: as volumes of one subject they bring no news.
  const rows = volumes.ids.flatMap((_, i) => [i, i, i, i, i]);
  const repeated: Predictions = {
    ...volumes,
    ids: rows.map((i, k) => `${volumes.ids[i]}-${k}`),
    subjects: rows.map((i) => volumes.subjects[i]!),
    labels: rows.map((i) => volumes.labels[i]!),
    probabilities: rows.map((i) => volumes.probabilities[i]!),
  };
  const [alone, grouped, naive] = summarise(
    [volumes, repeated, { ...repeated, subjects: repeated.ids }],
    options,
  );
  assert.equal(grouped!.metrics.accuracy.interval.method, "wilson, clustered");
  assert.equal(grouped!.subjects, 30);
  const width = (summary = alone) =>
    summary!.metrics.balancedAccuracy.interval.high - summary!.metrics.balancedAccuracy.interval.low;
  close(width(grouped), width(alone), 0.02, "five copies of a subject's volume bring no news");
  assert.ok(width(naive) < 0.6 * width(grouped));
});

test("metrics for grades are NaN where the classes are not ordered; binary rates where there are three classes", () => {
  const [summary] = summarise([simulate({ model: "m", seed: 1, counts: [8, 8, 8], signal: 1 })], {
    ...options,
    ordinal: false,
  });
  for (const name of [
    "quadraticKappa",
    "meanAbsoluteError",
    "offByOneAccuracy",
    "sensitivity",
    "auprc",
  ] as const)
    assert.ok(Number.isNaN(summary!.metrics[name].value), name);
});

test("absent class, one subject of a class: values where defined, and warnings", () => {
  const predictions = simulate({ model: "m", seed: 4, counts: [6, 1, 0], signal: 1 });
  const [summary] = summarise([predictions], options);
  assert.match(summary!.warnings.join(), /No test volume of class CT-2.*Means over classes use the other 2/);
  assert.match(summary!.warnings.join(), /Class CT-1 has one test subject: .* depend on it,/);
  assert.ok(
    Number.isNaN(summary!.perClass[2]!.recall.value) && Number.isNaN(summary!.perClass[2]!.auroc.value),
  );
  assert.ok(Number.isFinite(summary!.metrics.auroc.value));
  assert.equal(summary!.perClass[2]!.recall.interval.method, "none");
  const [several] = summarise([simulate({ model: "m", seed: 4, counts: [1, 1, 6], signal: 1 })], options);
  assert.match(several!.warnings.join(), /Classes CT-0, CT-1 have one test subject each: .* depend on them,/);
});

test("a perfect predictor is worth as many trials as it has subjects of each class; a constant one has no interval", () => {
  const [majority] = examplePredictions([9, 6]);
  const perfect = {
    ...majority!,
    model: "2.5d",
    probabilities: majority!.labels.map((label) => [1 - label, label]),
  };
  const [summary, constant] = summarise([perfect, majority!], {
    classes: ["a", "b"],
    seed: 1,
    resamples: 100,
  });
  // Wilson's lower bounds of 9 in 9 and 6 in 6 with the quantile of t, 14 degrees of freedom: 0.66 and 0.57.
  assert.equal(formatEstimate(summary!.metrics.balancedAccuracy), "1.00 [0.72, 1.00]");
  assert.equal(formatEstimate(summary!.metrics.accuracy), "1.00 [0.80, 1.00]");
  assert.equal(formatEstimate(constant!.metrics.balancedAccuracy), "0.50 [–]");
  assert.equal(formatEstimate(constant!.metrics.ppv), "–");
});

test("perfect, several volumes a subject: shares have Wilson's interval with subjects as trials (by hand)", () => {
  const volumes = simulate({ model: "m", seed: 2, counts: [10, 10], signal: 1, volumesEach: 3 });
  const perfect = { ...volumes, probabilities: volumes.labels.map((label) => [1 - label, label]) };
  const [summary] = summarise([perfect], { classes: ["a", "b"], seed: 1, resamples: 100 });
  const { accuracy, sensitivity, balancedAccuracy } = summary!.metrics;
  // Wilson's n / (n + q²) with t's quantile, 19 and 9 degrees of freedom.
  close(accuracy.interval.low, 20 / (20 + 2.093024054408263 ** 2), 1e-9, "accuracy");
  close(sensitivity.interval.low, 10 / (10 + 2.2621571627409915 ** 2), 1e-9, "sensitivity");
  // The mean of two recalls, each with 9 degrees of freedom.
  const recallLow = 10 / (10 + 2.10092204024096 ** 2);
  close(
    balancedAccuracy.interval.low,
    1 - Math.hypot(1 - recallLow, 1 - recallLow) / 2,
    1e-9,
    "balanced accuracy",
  );
  assert.deepEqual(summary!.perClass[0]!.precision.interval, sensitivity.interval);
});

test("a reliability plot carries its intervals, over subjects where they have several volumes", () => {
  const volumes = simulate({ model: "m", seed: 2, counts: [20, 20], signal: 1, volumesEach: 2 });
  const [grouped, alone] = summarise([volumes, { ...volumes, subjects: volumes.ids }], {
    classes: ["a", "b"],
    seed: 1,
    resamples: 100,
  });
  assert.ok(grouped!.reliability.every(({ interval }) => interval.method === "wilson, clustered"));
  assert.ok(alone!.reliability.every(({ interval }) => interval.method === "wilson"));
  assert.ok(grouped!.reliability.every(({ subjects, count }) => subjects <= Math.ceil(count)));
});

test("paired difference: of a model with itself 0, antisymmetric, indifferent to the order of rows", () => {
  const [, , vote, full] = examplePredictions([20, 16]) as [
    Predictions,
    Predictions,
    Predictions,
    Predictions,
  ];
  const settings = { classes: ["a", "b"], seed: 5, resamples: 300 };
  const same = compareModels(full, full, settings).metrics.balancedAccuracy;
  assert.equal(same.value, 0);
  assert.equal(same.interval.method, "none");
  const there = compareModels(full, vote, settings).metrics.macroF1;
  const back = compareModels(vote, full, settings).metrics.macroF1;
  close(there.value, -back.value, 1e-15, "value");
  close(there.interval.low, -back.interval.high, 0.02, "bound");
  const [a, b] = summarise([full, vote], settings);
  close(there.value, a!.metrics.macroF1.value - b!.metrics.macroF1.value, 1e-15, "difference of the values");
  const reversed = {
    ...vote,
    ids: [...vote.ids].reverse(),
    subjects: [...vote.subjects].reverse(),
    labels: [...vote.labels].reverse(),
    probabilities: [...vote.probabilities].reverse(),
  };
  assert.deepEqual(
    compareModels(full, reversed, settings).metrics,
    compareModels(full, vote, settings).metrics,
  );
});

test("models on different volumes, labels or parts are not compared", () => {
  const [, , vote, full] = examplePredictions([6, 6]) as [Predictions, Predictions, Predictions, Predictions];
  const settings = { classes: ["a", "b"], seed: 5 };
  const refused = (other: Predictions, pattern: RegExp) =>
    assert.throws(
      () => compareModels(full, other, settings),
      (error) => error instanceof PredictionsError && pattern.test(error.message),
    );
  refused({ ...vote, part: "val" }, /one was scored on test, the other on val/);
  refused(
    { ...vote, ids: vote.ids.map((id, i) => (i === 3 ? "other" : id)) },
    /was not predicted by 2d_vote/,
  );
  refused(
    { ...vote, labels: vote.labels.map((label, i) => (i === 3 ? 1 - label : label)) },
    /another label or subject/,
  );
  assert.throws(() => compareModels(full, { ...vote, labels: [] }, settings), ShapeError);
});

test("tables: aligned columns, both names of both accuracies, signs and dashes (by hand)", () => {
  const predictions = examplePredictions([20, 16]);
  const settings = { classes: ["a", "b"], seed: 5, resamples: 200 };
  const summaries = summarise(predictions, settings);
  const differences = [compareModels(predictions[3]!, predictions[2]!, settings)];
  const lines = summaryTable(summaries, differences).split("\n");
  assert.match(lines[0]!, /^model +accuracy +balanced accuracy +macro F1 +AUROC$/);
  const column = lines[0]!.indexOf("balanced");
  for (const line of lines.slice(2, 6)) assert.match(line.slice(column), /^\d\.\d\d \[/);
  assert.match(
    lines.at(-1)!,
    /balanced accuracy is called 'weighted' accuracy and plain accuracy 'unweighted'/,
  );
  assert.equal(
    markdownTable(summaries, differences)
      .split("\n")
      .filter((line) => line.startsWith("|")).length,
    7,
  );
  assert.equal(formatNumber(-0.001), "0.00");
  assert.equal(formatNumber(Number.NaN), "–");
  assert.deepEqual(
    [0.054, -0.054, 0.001].map((value) => formatSigned(value)),
    ["+0.05", "−0.05", "0.00"],
  );
});

test("metrics.jsonl: rows of epochs, other lines passed over, a cut-off last line too, a broken one refused", () => {
  const row = '{"stage":"slice","epoch":1,"train_loss":0.5,"val_loss":null}';
  const rows = parseTrainingRows(`${row}\n{"event":"resumed"}\n\n{"stage":"sl`, "metrics.jsonl");
  assert.equal(rows.length, 1);
  assert.equal(rows[0]!.train_loss, 0.5);
  assert.ok(Number.isNaN(rows[0]!.val_loss));
  assert.throws(() => parseTrainingRows(`{"stage":\n${row}\n`, "metrics.jsonl"), /metrics.jsonl: line 1/);
});

test("specificity and NPV of each class against the rest, with Wilson's interval (by hand)", () => {
  const called = [0, 0, 1, 1, 1, 2, 2, 0];
  const predictions: Predictions = {
    model: "m",
    part: "test",
    ids: called.map((_, i) => `v${i}`),
    subjects: called.map((_, i) => `s${i}`),
    labels: [0, 0, 0, 1, 1, 1, 2, 2],
    probabilities: called.map((c) => [0, 1, 2].map((k) => (k === c ? 0.8 : 0.1))),
  };
  const [summary] = summarise([predictions], { classes: ["a", "b", "c"], seed: 1, resamples: 50 });
  const [a, b, c] = summary!.perClass;
  // a: of 5 others one is called a; of 5 not called a one is a.
  assert.deepEqual([a!.specificity.value, a!.npv.value], [4 / 5, 4 / 5]);
  assert.deepEqual([b!.specificity.value, b!.npv.value], [4 / 5, 4 / 5]);
  assert.deepEqual([c!.specificity.value, c!.npv.value], [5 / 6, 5 / 6]);
  const { low, high, method } = c!.specificity.interval;
  assert.equal(method, "wilson");
  assert.ok(Math.abs(low - 0.4365) < 1e-4 && Math.abs(high - 0.9699) < 1e-4, `${low} ${high}`);
});

test("a class is small by its subjects, as in a verdict: 15 volumes of three people say little", () => {
  const one = simulate({ model: "2.5d", seed: 1, counts: [20, 15, 12], signal: 1.5 });
  const subjects = one.subjects.map((subject, i) => (one.labels[i] === 1 ? `few ${i % 3}` : subject));
  const [summary] = summarise([{ ...one, subjects }], options);
  assert.deepEqual(
    summary!.perClass.map(({ support, subjects: people, small }) => [support, people, small]),
    [
      [20, 20, false],
      [15, 3, true],
      [12, 12, false],
    ],
  );
  assert.match(summary!.warnings.join(), /Fewer than 10 test subjects of CT-1 \(n = 3\)/);
});

test("rounding hides neither on which side of zero a bound lies, nor on which side of 0.05 a p-value (by hand)", () => {
  const estimate = (value: number, low: number, high: number) => ({
    value,
    interval: { low, high, level: 0.95, method: "newcombe" as const },
  });
  assert.equal(formatEstimate(estimate(0.15, 0.004, 0.3), formatSigned), "+0.15 [+0.004, +0.30]");
  assert.equal(formatEstimate(estimate(0.001, -0.00034, 0), formatSigned), "0.00 [−0.0003, 0.00]");
  assert.equal(formatEstimate(estimate(0.1, 0.004, 0.3)), "0.10 [0.00, 0.30]");
  assert.deepEqual([0.0496, 0.049999999, 0.05, 0.0449, 0.0004, 0.6].map(formatP), ["0.0496", "< 0.05", "0.050", "0.045", "< 0.001", "0.60"]); // prettier-ignore
});
