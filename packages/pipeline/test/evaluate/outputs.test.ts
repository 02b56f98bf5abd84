/** Tables for a manuscript, priors of training, failures: by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.js";
import { shuffleControl } from "../../src/evaluate/analysis/control.js";
import { confidentErrors } from "../../src/evaluate/analysis/failures.js";
import { stageTimes } from "../../src/evaluate/cost.js";
import { trainedPriors } from "../../src/evaluate/priors.js";
import { checklist } from "../../src/report/checklist.js";
import { escapeMarkdown } from "../../src/page/format.js";
import { latexTables, markdownTables } from "../../src/report/export-tables.js";
import { escapeLatex, latexTable } from "../../src/page/latex.js";
import { modelCard } from "../../src/report/model-card.js";
import { drawFigures } from "../../src/report/figures/all.js";
import { evaluationMetrics } from "../../src/evaluate/evaluation-metrics.js";
import type { Predictions } from "../../src/evaluate/predictions.js";
import { renderReport } from "../../src/report/report.js";
import { simulate } from "./fixture.js";
import { exampleReport } from "../report/report-example.js";

test("LaTeX: what means something to TeX is escaped, every row has the columns of its table", async () => {
  assert.equal(
    escapeLatex("50 % of a_b & {c} # 1 − 2 \\ < 3"),
    "50 \\% of a\\_b \\& \\{c\\} \\# 1 $-$ 2 \\textbackslash{} $<$ 3",
  );
  const tables = latexTables(await exampleReport("binary"));
  const blocks = [...tables.matchAll(/\\begin\{tabular\}\{(l+)\}([^]*?)\\end\{tabular\}/g)];
  const labels = [...tables.matchAll(/\\label\{tab:([a-z]+)/g)].map(([, label]) => label);
  assert.deepEqual(
    [...new Set(labels)],
    ["participants", "models", "protocols", "classes", "pairs", "thresholds"],
  );
  for (const [, columns = "", body = ""] of blocks)
    for (const row of body.split("\n").filter((line) => line.endsWith("\\\\")))
      assert.equal(row.split(/(?<!\\)&/).length, columns.length, row);
  assert.match(tables, /2\.5D & 0\.\d\d \[0\.\d\d, 0\.\d\d\]/);
});

test("LaTeX: a row that begins with a bracket or a star is none of the row before; what cannot be seen is written out", () => {
  const rows = [
    ["[1, 2)", "a"],
    ["*", "b"],
    ["a\u202eb", "[0.1]"],
  ];
  const text = latexTable({ label: "x", caption: "X", columns: ["class", "n"], rows });
  for (const line of [
    "    {}[1, 2) & a \\\\",
    "    {}* & b \\\\",
    "    a\\textbackslash{}u202eb & [0.1] \\\\",
  ])
    assert.ok(text.split("\n").includes(line), line);
});

test("LaTeX: a table that is too wide or too long becomes several, with the names of its rows in each", () => {
  const cell = "0.81 [0.70, 0.89]";
  const columns = ["model", ...Array.from({ length: 9 }, (_, k) => `metric ${k}`)];
  const rows = Array.from({ length: 60 }, (_, r) => [`m${r}`, ...columns.slice(1).map(() => cell)]);
  const text = latexTable({ label: "models", caption: "Models", columns, rows });
  const blocks = text.split("\\begin{table}").slice(1);
  assert.equal(blocks.length, 6, "three metrics a table, 44 rows a page");
  for (const [k, block] of blocks.entries()) {
    const lines = block.split("\n").filter((line) => line.endsWith("\\\\"));
    assert.ok(lines.length <= 45 && lines.every((line) => line.length < 100), String(lines.length));
    assert.match(lines[0]!, /^ {4}model & metric/);
    assert.ok(block.includes(`\\label{tab:models-${k + 1}}`) && block.includes(`(${k + 1} of 6)`));
  }
  for (const name of columns) assert.ok(text.includes(name), name);
  for (const [name] of rows) assert.equal(text.split(`    ${name} &`).length - 1, 3, name);
});

test("Markdown tables, model card and checklist of a report that no run made leave the unknown to the authors", async () => {
  const input = { ...(await exampleReport("grades")), cost: null };
  assert.match(markdownTables(input), /## Models on test\n\n\| model \| accuracy/);
  assert.match(modelCard(input), /\*\*Cost\*\*: to be filled in by the authors/);
  const filled = checklist(input);
  const open = filled
    .split("\n")
    .filter((line) => line.endsWith("| to be filled in by the authors |")).length;
  const items = filled.split("\n").filter((line) => line.startsWith("| ")).length - 1; // the head
  assert.match(filled, new RegExp(`^${items - open} of ${items} items are answered`, "m"));
  assert.ok(open > 10 && open < items / 2);
});

test("Markdown: names stay text; no HTML, no link, no line of their own", async () => {
  const name = '<script>alert(1)</script> [x](javascript:alert(1)) <javascript:alert(2)>\n# head | & "a" \\';
  const input = { ...(await exampleReport("binary")), title: name, warnings: [name], command: name };
  const dataset = { ...input.dataset, name, attribution: name };
  const task = { ...input.task, description: name };
  for (const write of [markdownTables, modelCard, checklist]) {
    const text = write({ ...input, dataset, task });
    assert.ok(text.includes("alert(1)"), write.name);
    assert.ok(!/(?<!\\)<(script|javascript)/.test(text), write.name);
    assert.ok(!/(?<!\\)\]\(/.test(text), write.name);
    assert.ok(!/^# head/m.test(text), write.name);
  }
  assert.equal(escapeMarkdown("0.81 [0.70, 0.89], p < 0.001, a|b"), "0.81 [0.70, 0.89], p < 0.001, a\\|b");
});

test("the mix of classes that training showed: a sampler, weights, both, none (by hand)", () => {
  const labels = [0, 0, 0, 1];
  const of = (text: string) => trainedPriors(loadConfig({ text }), labels, 2);
  assert.deepEqual(of("head: {weighted_sampler: true}"), { trained: [0.5, 0.5], target: [0.75, 0.25] });
  assert.equal(of("head: {weighted_sampler: false}"), null);
  assert.deepEqual(of("head: {weighted_sampler: false, weighted_loss: true}")?.trained, [0.5, 0.5]);
  // Drawn alike, then weighed by 1/3 to 1: a quarter to three quarters.
  assert.deepEqual(
    of("head: {weighted_sampler: true, weighted_loss: true}")?.trained.map((p) => p.toFixed(9)),
    ["0.250000000", "0.750000000"],
  );
  assert.equal(of("head: {weighted_sampler: true, loss: focal}"), null);
  const adjusted = (tau: number) =>
    of(`head: {weighted_sampler: false, loss: {logit_adjustment: {tau: ${tau}}}}`);
  assert.deepEqual(adjusted(1)?.trained, [0.5, 0.5]);
  const roots = [Math.sqrt(0.75), Math.sqrt(0.25)]; // half of the way
  assert.ok(Math.abs(adjusted(0.5)!.trained[0]! - roots[0]! / (roots[0]! + roots[1]!)) < 1e-12);
  assert.equal(adjusted(0), null);
  assert.equal(of("head: {weighted_sampler: false, weighted_loss: true, class_weights: effective}"), null);
  assert.equal(of("method: 2d\nslice: {weighted_sampler: false}"), null);
  assert.equal(of("head: {weighted_sampler: true}\nfine_tune: {epochs: 2, weighted_sampler: false}"), null);
  assert.equal(trainedPriors(loadConfig({ text: "" }), [0, 0], 2), null);
});

test("failures: the surest first, with the slices that counted most; none of what is right", () => {
  const scored = {
    model: "2.5d",
    part: "test" as const,
    ids: ["a", "b", "c", "d"],
    subjects: ["s1", "s2", "s3", "s4"],
    labels: [0, 1, 1, 0],
    probabilities: [[0.4, 0.6], [0.9, 0.1], [0.2, 0.8], [0.1, 0.9]], // prettier-ignore
  };
  const evidence = [{ id: "b", weights: [0.1, 0.5, 0.4], places: [0, null, 2] }];
  assert.deepEqual(
    confidentErrors(scored, evidence).map(({ id, confidence, slices }) => [id, confidence, slices]),
    [
      [
        "b",
        0.9,
        [
          { slice: 2, weight: 0.4 },
          { slice: 0, weight: 0.1 },
        ],
      ],
      ["d", 0.9, []],
      ["a", 0.6, []],
    ],
  );
});

test("the control is at chance only where its interval holds one half", async () => {
  const { models } = await exampleReport("binary");
  const main = models.at(-1)!;
  const control = (low: number, high: number) =>
    shuffleControl({
      ...main,
      metrics: {
        ...main.metrics,
        auroc: { value: (low + high) / 2, interval: { low, high, level: 0.95, method: "wilson, bootstrap" } },
      },
    })?.atChance;
  assert.deepEqual([control(0.4, 0.6), control(0.51, 0.7), control(0.2, 0.49)], [true, false, false]);
});

test("a part with one class alone, or without one of several, still has its numbers, figures and report", async () => {
  const example = await exampleReport("binary");
  for (const [counts, tested] of [
    [
      [10, 10],
      [14, 0],
    ],
    [
      [6, 6, 6],
      [8, 0, 3],
    ],
    [
      [6, 0],
      [1, 1],
    ],
  ] as const) {
    const classes = counts.map((_, c) => `class ${c}`);
    const of = (part: "val" | "test", model: string, seed: number): Predictions => {
      const all = simulate({ model, seed, counts: part === "val" ? counts : tested, signal: 1 });
      return { ...all, part, subjects: all.subjects.map((subject) => `${part} ${subject}`) };
    };
    const predictions = (["val", "test"] as const).flatMap((part) => [
      of(part, "2d_vote", 1),
      of(part, "2.5d", 2),
    ]);
    const run = {
      name: "x",
      method: "2.5d",
      seed: 1,
      mainModel: "2.5d",
      classes,
      ordinal: counts.length > 2,
      dataset: { name: "", hash: "" },
      splitHash: "",
      external: null,
      labelsShuffled: true,
    };
    const metrics = evaluationMetrics(
      {
        protocol: "clean",
        run,
        predictions,
        priors: null,
        kept: null,
        voters: null,
        evidence: [],
        columns: [],
      },
      { classes, seed: 1, ordinal: run.ordinal, resamples: 40 },
    );
    const absent = tested.some((count) => count === 0);
    assert.equal(
      metrics.test[1]!.warnings.some((text) => text.includes("No test volume of class")),
      absent,
    );
    const defined = Number.isFinite(metrics.test[1]!.metrics.auroc.value);
    assert.equal(metrics.control === null, !defined);
    const { test: models, differences } = metrics;
    const figures = await drawFigures({
      summaries: models,
      differences,
      training: [],
      selections: {},
      analysis: metrics,
    });
    const task = { description: "x", classes, ordinal: run.ordinal };
    const split = { ...example.split, parts: [] };
    const page = renderReport({
      ...example,
      task,
      split,
      models,
      differences,
      figures,
      analysis: metrics,
      failures: [],
    });
    assert.ok(page.includes("</html>") && !page.includes("NaN") && !page.includes("undefined,"));
  }
});

test("training time by stage, of the epochs that there are", () => {
  const text =
    '{"stage":"slice","epoch":0,"seconds":2}\n{"stage":"slice","epoch":1,"seconds":3}\n{"note":1}\n{"stage":"volume","epoch":0,"seconds":0.5}\n{"stage":"vol';
  assert.deepEqual(stageTimes(text), [
    { stage: "slice", epochs: 2, seconds: 5 },
    { stage: "volume", epochs: 1, seconds: 0.5 },
  ]);
});
