import { test } from "node:test";
import sharp from "sharp";
import assert from "node:assert/strict";
import type { MetricName } from "@slicestack/stats";
import { svgToPng } from "../../src/page/drawing.js";
import { analyse } from "../../src/evaluate/analysis/analysis.js";
import { compareModels } from "../../src/evaluate/compare/models.js";
import { ReportError } from "../../src/report/errors.js";
import { confusionFigure } from "../../src/report/figures/model.js";
import { countPart } from "../../src/report/part-counts.js";
import { renderReport } from "../../src/report/report.js";
import type { ReportInput } from "../../src/report/report-input.js";
import { summarise } from "../../src/evaluate/summary.js";
import { openPage, skipWithoutChromium } from "../evaluate/chromium.js";
import { simulate } from "../evaluate/fixture.js";
import { examplePredictions, exampleReport } from "./report-example.js";

/** What is wider than its place on the page. */
const SCROLLING = `[...document.querySelectorAll(".scroll, figure, pre")]
  .filter((part) => part.scrollWidth > part.clientWidth)
  .map((part) => part.getAttribute("aria-label") ?? part.textContent.slice(0, 60))`;

for (const kind of ["binary", "grades"] as const)
  test(
    `a report of a ${kind} task in Chromium: no complaint, no request, nothing wider than the page`,
    { skip: skipWithoutChromium, timeout: 120_000 },
    async () => {
      const input = await exampleReport(kind);
      const { complaints, requests } = await openPage(renderReport(input), async (page) => {
        assert.equal(await page.title(), `${input.title} – Slicestack report`);
        assert.equal(await page.locator("h1").count(), 1);
        const levels = await page.evaluate<number[]>(
          `[...document.querySelectorAll("h1, h2, h3")].map((heading) => Number(heading.tagName[1]))`,
        );
        levels.forEach((level, i) =>
          assert.ok(i === 0 || level <= levels[i - 1]! + 1, "no heading level is skipped"),
        );
        const tables = page.locator("table");
        assert.equal(await tables.count(), await page.locator("table > caption").count());
        assert.ok((await tables.count()) >= 5);
        assert.equal(await page.locator("th:not([scope])").count(), 0);
        assert.equal(await page.locator("tr.main").first().locator("th").innerText(), "2.5D");
        const figures = page.locator("figure svg:not(.bars)");
        assert.equal(await figures.count(), input.figures.length);
        for (const figure of await figures.all()) {
          assert.equal(await figure.getAttribute("role"), "img");
          assert.ok((await figure.locator("desc").first().textContent())!.length > 40);
        }
        const ids = await page.evaluate<string[]>(
          `[...document.querySelectorAll("[id]")].map(({ id }) => id)`,
        );
        assert.equal(new Set(ids).size, ids.length, "ids are unique");
        for (const [width, text] of [
          [1280, "desk"],
          [390, "phone"],
        ] as const) {
          await page.setViewportSize({ width, height: 900 });
          assert.ok((await page.evaluate<number>("document.documentElement.scrollWidth")) <= width, text);
          if (width === 1280)
            assert.deepEqual(await page.evaluate<string[]>(SCROLLING), [], "nothing scrolls sideways");
        }
        assert.equal((await page.pdf({ preferCSSPageSize: true })).subarray(0, 5).toString(), "%PDF-");
      });
      assert.deepEqual({ complaints, requests }, { complaints: [], requests: [] });
    },
  );

test("the report says both names of both accuracies, how the test part was used, and marks small classes", async () => {
  const input = await exampleReport("grades");
  const report = renderReport(input);
  for (const text of [
    "‘weighted’ in the paper",
    "‘unweighted’ in the paper",
    "The test part was read once",
    "CT-4 *",
    input.split.hash,
  ])
    assert.ok(report.includes(text), text);
  const again = renderReport({ ...input, ledger: { ...input.ledger, count: 3 } });
  assert.ok(!again.includes("was read once") && again.includes("has been read 3 times"));
});

test("the report claims a difference only where interval, adjusted test and the size of each class agree", async () => {
  const input = await exampleReport("binary");
  const say = (low: number, high: number, adjusted: number, subjects = 10) => {
    const [difference] = input.differences;
    const interval = { low, high, level: 0.95, method: "newcombe" as const };
    const estimate = { value: (low + high) / 2, interval };
    const { pairs } = input.analysis;
    const report = renderReport({
      ...input,
      models: input.models.map((model) => ({
        ...model,
        perClass: model.perClass.map((one) => ({ ...one, subjects })),
      })),
      differences: [{ ...difference!, metrics: { ...difference!.metrics, balancedAccuracy: estimate } }],
      analysis: {
        ...input.analysis,
        pairs: {
          ...pairs!,
          pairs: pairs!.pairs.map((pair) => ({
            ...pair,
            metrics: { balancedAccuracy: { ...pair.metrics.balancedAccuracy!, adjusted } },
          })),
        },
      },
    });
    return report.replace(/\s+/g, " ");
  };
  assert.match(say(0.01, 0.1, 0.04), /2\.5D is better than the 2D vote/);
  assert.match(say(-0.1, -0.01, 0.04), /2\.5D is worse than the 2D vote/);
  assert.match(say(-0.1, 0.2, 0.04), /do not show which is better: the interval includes zero\./);
  assert.match(
    say(0.01, 0.1, 0.05),
    /do not show which is better: the p-value, adjusted .*, is not below 0\.05\./,
  );
  assert.match(
    say(0.01, 0.1, 0.04, 9),
    /do not show which is better: each class needs at least 10 subjects, and .* has 9/,
  );
});

test("one difference has one interval, one test and one sign wherever the report shows it", () => {
  const predictions = examplePredictions([12, 15]);
  const options = { classes: ["a", "b"], seed: 3, resamples: 200 };
  const main = predictions.at(-1)!;
  const summaries = { val: [], test: summarise(predictions, options) };
  const { pairs } = analyse(
    {
      protocol: "clean",
      ownTest: true,
      predictions,
      summaries,
      mainModel: "2.5d",
      priors: null,
      kept: null,
      voters: null,
      evidence: [],
      columns: [],
      labelsShuffled: false,
    },
    options,
  );
  for (const other of predictions.filter(({ model }) => model !== "majority" && model !== "2.5d")) {
    const alone = compareModels(main, other, options);
    const pair = pairs!.pairs.find(({ first, second }) => first === "2.5d" && second === other.model);
    for (const [name, { difference, p }] of Object.entries(pair!.metrics))
      assert.deepEqual(
        [difference, p],
        [alone.metrics[name as MetricName], alone.p[name as MetricName]],
        name,
      );
  }
});

test("names and texts are escaped; pictures from elsewhere, strange classes and an unknown model are refused", async () => {
  const input = await exampleReport("binary");
  const hostile = '<script>alert("x")</script>';
  const report = renderReport({ ...input, title: hostile, config: `name: ${hostile}`, warnings: [hostile] });
  assert.ok(!report.includes("<script"));
  const unseen = renderReport({ ...input, title: "a\u001b[2J\u202egpj.exe" });
  assert.ok(unseen.includes("a\\u001b[2J\\u202egpj.exe") && !/[\u001b\u202e]/.test(unseen)); // eslint-disable-line no-control-regex
  const refused = (change: Partial<ReportInput>) =>
    assert.throws(() => renderReport({ ...input, ...change }), ReportError);
  refused({ examples: [{ source: "https://example.org/a.png", alternative: "a", caption: "a" }] });
  refused({ mainModel: "3d" });
  refused({ task: { ...input.task, classes: ["a", "b", "c"] } });
  refused({ split: { ...input.split, parts: [countPart("train", [], 3)] } });
});

test("a figure escapes class names, and draws a class that is absent", async () => {
  const classes = ["<b>&", 'say "x"', "absent"];
  const [summary] = summarise([simulate({ model: "m", seed: 1, counts: [5, 5, 0], signal: 1 })], {
    classes,
    seed: 1,
    resamples: 20,
  });
  const { svg } = await confusionFigure(summary!);
  assert.ok(!svg.includes("<b>"));
  assert.ok(svg.includes("absent  (n = 0)") || svg.includes("absent (n = 0)"));
});

test("a figure becomes a PNG of 300 pixels an inch, and says so", async () => {
  const { figures } = await exampleReport("binary");
  const { svg } = figures[0]!;
  const png = await svgToPng(svg);
  assert.deepEqual([...png.subarray(1, 4)], [...Buffer.from("PNG")]);
  const width = Number(/ width="(\d+)"/.exec(svg)![1]);
  const bytes = new DataView(png.buffer, png.byteOffset);
  assert.ok(Math.abs(bytes.getUint32(16) - (300 / 96) * width) <= 1);
  const { density, format } = await sharp(png).metadata();
  assert.deepEqual([format, density], ["png", 300]);
});

test("subjects and volumes are counted by class; a subject of two classes counts in both (by hand)", () => {
  const rows = [
    { subject: "a", label: 0 },
    { subject: "a", label: 1 },
    { subject: "b", label: 1 },
    { subject: "b", label: 1 },
  ];
  assert.deepEqual(countPart("test", rows, 3), {
    part: "test",
    subjects: 2,
    volumes: 4,
    byClass: [
      { subjects: 1, volumes: 1 },
      { subjects: 2, volumes: 3 },
      { subjects: 0, volumes: 0 },
    ],
  });
});
