/** Milliseconds of the statistics of an evaluation, on simulated predictions. The last line is JSON, for run.mjs. */
import { compareAllPairs } from "../packages/pipeline/dist/src/evaluate/compare/all-pairs.js";
import { compareModels } from "../packages/pipeline/dist/src/evaluate/compare/models.js";
import { permuteModels } from "../packages/pipeline/dist/src/evaluate/compare/permutation.js";
import { delongTest } from "../packages/stats/dist/src/comparisons/delong.js";
import { summarise } from "../packages/pipeline/dist/src/evaluate/summary.js";
import { median } from "./tools.mjs";

/** Subjects with one volume each; the class score is uniform noise, raised for the true class. */
function simulate(model, subjects, classes) {
  const labels = Array.from({ length: subjects }, (_, i) => i % classes);
  const ids = labels.map((_, i) => `s${i}`);
  const probabilities = labels.map((label) => {
    const scores = Array.from({ length: classes }, (_, c) => Math.random() + (c === label ? 0.5 : 0));
    const sum = scores.reduce((a, b) => a + b, 0);
    return scores.map((score) => score / sum);
  });
  return { model, part: "test", ids, subjects: ids, labels, probabilities };
}

function milliseconds(work) {
  const times = Array.from({ length: 3 }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return median(times);
}

const rows = {};
for (const [subjects, classes] of [
  [300, 2],
  [300, 5],
  [3000, 2],
]) {
  const [a, b, c] = ["a", "b", "c"].map((model) => simulate(model, subjects, classes));
  const options = { classes: Array.from({ length: classes }, (_, k) => String(k)), seed: 1 };
  const name = `${subjects} subjects, ${classes} classes`;
  rows[`every metric with its interval, ${name}`] = milliseconds(() => summarise([a], options));
  rows[`paired bootstrap of two, ${name}`] = milliseconds(() => compareModels(a, b, options));
  rows[`all pairs of three, ${name}`] = milliseconds(() =>
    compareAllPairs([a, b, c], ["accuracy", "auroc"], options),
  );
  rows[`permutation test of two, ${name}`] = milliseconds(() => permuteModels(a, b, options));
}
const many = [simulate("a", 40000, 2), simulate("b", 40000, 2)];
const scores = many.map(({ probabilities }) => probabilities.map((row) => row[1]));
const positive = many[0].labels.map((label) => label === 1);
rows["DeLong's test, 40000 subjects"] = milliseconds(() =>
  delongTest({ scores: scores[0], positive, subjects: many[0].subjects }, scores[1]),
);
console.log(JSON.stringify(rows));
