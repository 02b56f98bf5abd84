import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { PredictionsError } from "@slicestack/stats";
import { compareRuns } from "../../src/tasks/compare-runs.js";
import { openPage, skipWithoutChromium } from "./chromium.js";
import { exampleRun, type ExampleRun } from "./example-run.js";
import { runPaths } from "../../src/run/folder.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-compare-"));
after(() => rmSync(folder, { recursive: true }));

function run(name: string, options: Partial<ExampleRun> = {}): string {
  const path = join(folder, name);
  if (!existsSync(path)) exampleRun(path, { name, counts: [30, 24], ...options });
  return path;
}

test(
  "runs on one test set: paired tests with Holm, one table, one forest plot, a page without complaint or request",
  { skip: skipWithoutChromium, timeout: 120_000 },
  async () => {
    const runs = [
      run("good", { signal: 2.5 }),
      run("fair", { signal: 1.2, seed: 2 }),
      run("poor", { signal: 0, seed: 3 }),
    ];
    const out = join(folder, "out");
    const result = await compareRuns({ runs, out, resamples: 300 });
    assert.deepEqual(
      result.pairs.pairs.map(({ first, second }) => `${first} ${second}`),
      ["good fair", "good poor", "fair poor"],
    );
    const [goodPoor] = result.pairs.pairs.filter(
      ({ first, second }) => first === "good" && second === "poor",
    );
    assert.equal(goodPoor!.metrics.accuracy!.test, "exact McNemar");
    assert.equal(goodPoor!.metrics.auroc!.test, "DeLong");
    assert.ok(goodPoor!.metrics.auroc!.adjusted < 0.05);
    for (const pair of result.pairs.pairs) assert.ok(pair.metrics.auroc!.adjusted >= pair.metrics.auroc!.p);
    assert.match(result.table, /^good − poor +\+0\.\d\d/m);
    for (const name of [
      "comparison.json",
      "comparison.md",
      "comparison.tex",
      "comparison.svg",
      "comparison.png",
    ])
      assert.ok(existsSync(join(out, name)), name);
    const { complaints, requests } = await openPage(readFileSync(result.page, "utf8"), async (page) => {
      assert.equal(await page.locator("svg[role=img] desc").count(), 1);
      assert.equal(await page.locator("table").first().locator("tbody tr").count(), 6);
    });
    assert.deepEqual({ complaints, requests }, { complaints: [], requests: [] });
  },
);

test("test sets that differ are refused, and the difference is named", async () => {
  const out = join(folder, "none");
  const refused = async (other: string, said: RegExp) =>
    assert.rejects(
      compareRuns({ runs: [run("good", { signal: 2.5 }), other], out, resamples: 100 }),
      (error) => {
        assert.ok(error instanceof PredictionsError);
        assert.match(error.message, said);
        return true;
      },
    );
  await refused(
    run("elsewhere", { prefix: "x" }),
    /54 volumes only in good \(v0-0-0, .*54 volumes only in elsewhere \(xv0-0-0/s,
  );
  await refused(
    run("fewer", { counts: [29, 24] }),
    /1 volumes only in good \(v0-29-0\); 0 volumes only in fewer/,
  );
  await refused(run("grades", { counts: [20, 20, 14] }), /classes are CT-0, CT-1 in one, CT-0, CT-1, CT-2/);
  const relabelled = run("relabelled");
  const file = runPaths(relabelled).predictions;
  const text = readFileSync(file, "utf8").replaceAll("test,v0-3-0,s0-3,0,", "test,v0-3-0,s0-3,1,");
  writeFileSync(file, text);
  await refused(relabelled, /volume v0-3-0 has the label 0 in one, 1 in the other/);
  assert.ok(!existsSync(out));
});

test("a run that was scored by the paper protocol alone has no test scores to compare", async () => {
  const paper = run("paper", { protocol: "paper" });
  await assert.rejects(
    compareRuns({ runs: [run("good"), paper], out: join(folder, "none") }),
    /has no model 2\.5d on test/,
  );
});

test("several volumes a subject: no McNemar, no DeLong, and the table says why", async () => {
  const runs = [
    run("pairs", { volumesEach: 2, counts: [15, 12] }),
    run("pairs2", { volumesEach: 2, counts: [15, 12], seed: 5 }),
  ];
  const { pairs, notes, table } = await compareRuns({ runs, out: join(folder, "clustered"), resamples: 200 });
  const tests = new Set(pairs.pairs.flatMap(({ metrics }) => Object.values(metrics).map(({ test }) => test)));
  assert.deepEqual([...tests], ["paired bootstrap"]);
  assert.ok(notes.some((note) => note.includes("several volumes")));
  assert.match(table, /p by paired bootstrap/);
});
