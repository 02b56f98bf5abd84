import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { RangeOfParameterError } from "@slicestack/stats";
import { FolderLock } from "../../src/data/lock.js";
import { listRuns, sparkline, type RunRow } from "../../src/evaluate/list-runs.js";
import { filterRuns, runsText, sortRuns } from "../../src/evaluate/select-runs.js";
import { onNotice } from "../../src/engine/notices.js";
import { RunError, readRecord, runPaths, writeRecord } from "../../src/run/folder.js";
import { enterTestRead, readLedger } from "../../src/run/ledger.js";
import { exampleRun } from "./example-run.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-runs-"));
after(() => rmSync(folder, { recursive: true }));
before(() => {
  exampleRun(join(folder, "good"), { name: "good", counts: [12, 12], signal: 3 });
  exampleRun(join(folder, "fold/10"), { name: "ten", counts: [12, 12], signal: 0, seed: 4 });
  exampleRun(join(folder, "fold/9"), { name: "nine", counts: [12, 12] });
  const nine = runPaths(join(folder, "fold/9"));
  rmSync(nine.summary);
  rmSync(nine.metrics);
  writeRecord(nine.root, { ...readRecord(nine.root), status: "training", testReads: 0 });
  mkdirSync(join(folder, "broken"));
  writeFileSync(join(folder, "broken/run.json"), "{");
  mkdirSync(join(folder, "empty"));
});

const names = (runs: readonly RunRow[]) => runs.map(({ name }) => name);

test("runs below a folder, in the order of their names, with state, scores and curves; a broken one says why", () => {
  const runs = listRuns(folder);
  assert.deepEqual(names(runs), ["broken", "nine", "ten", "good"]);
  const [broken, nine, ten, good] = runs as [RunRow, RunRow, RunRow, RunRow];
  assert.match(broken.problem ?? "", /expected the JSON/);
  assert.deepEqual([nine.status, nine.epochs, nine.test, nine.testReads], ["stopped", 0, null, 0]);
  assert.deepEqual(
    [good.status, good.epochs, good.val, good.select, good.testReads],
    ["scored", 4, 0.65, "macro F1", 1],
  );
  assert.ok(good.test!.value > 0.8 && ten.test!.value < 0.8);
  assert.deepEqual(good.curves, [{ stage: "volume", select: "macro F1", values: [0.3, 0.65, 0.6, 0.5] }]);
  const table = runsText(runs);
  assert.match(table, /^good +good +2\.5d +scored .* 0\.65 +macro F1 +\d\.\d\d \[.*▁█▇▅$/m);
  assert.match(table, /^broken: .*run\.json: expected the JSON/m);
  assert.equal(runsText([]), "No runs found.");
  assert.deepEqual(listRuns(join(folder, "nowhere")), []);
});

test("a run that says training is training while a process holds its folder, and stopped once that was killed", () => {
  const statusOf = () => listRuns(folder).find(({ name }) => name === "nine")!.status;
  const run = join(folder, "fold/9");
  {
    using _lock = FolderLock.take(run);
    assert.equal(statusOf(), "training");
  }
  assert.equal(statusOf(), "stopped");
  const child = spawnSync(process.execPath, [
    "--input-type=module",
    "-e",
    `
    const { FolderLock } = await import(${JSON.stringify(new URL("../../src/data/lock.js", import.meta.url).href)});
    FolderLock.take(${JSON.stringify(run)});
    process.kill(process.pid, "SIGKILL");`,
  ]);
  assert.equal(child.signal, "SIGKILL");
  assert.ok(existsSync(join(run, ".lock")));
  assert.equal(statusOf(), "stopped");
});

test("val and curve are of the metric that chose the epoch: auroc, a loss as a loss, ties by the lower loss (by hand)", () => {
  const run = join(folder, "selected");
  exampleRun(run, { name: "selected", counts: [12, 12] });
  const { config, metrics } = runPaths(run);
  const text = readFileSync(config, "utf8");
  const row = (val_auroc: number | null, val_loss: number) =>
    `${JSON.stringify({ stage: "volume", epoch: 0, val_auroc, val_loss, val_macro_f1: 1 })}\n`;
  writeFileSync(metrics, row(0.8, 0.9) + row(0.9, 0.7) + row(0.9, 0.6) + row(null, 0.1));
  const shown = (select: string) => {
    writeFileSync(config, text.replaceAll(/select: \w+/g, `select: ${select}`));
    const [found] = listRuns(run);
    return [found!.select, found!.val];
  };
  assert.deepEqual(shown("auroc"), ["AUROC", 0.9]);
  assert.deepEqual(shown("loss"), ["loss", 0.1]);
  rmSync(run, { recursive: true });
});

test("of a metric whose plug-in is not loaded, the run has recorded its name and whether lower is better", () => {
  const run = join(folder, "plugged");
  exampleRun(run, { name: "plugged", counts: [12, 12] });
  const { config, metrics } = runPaths(run);
  const text = readFileSync(config, "utf8").replaceAll(/select: \w+/g, "select: brier_score");
  writeFileSync(config, text.replace(/^plugins: .*$/m, "plugins: [./brier.mjs]"));
  const row = (val_brier_score: number) =>
    `${JSON.stringify({ stage: "volume", epoch: 0, val_brier_score, val_loss: 1, val_macro_f1: 1 })}\n`;
  writeFileSync(metrics, [0.3, 0.1, 0.2].map(row).join(""));
  const shown = (lowerIsBetter: boolean) => {
    const selectionMetrics = { brier_score: { label: "Brier score", lowerIsBetter } };
    writeRecord(run, { ...readRecord(run), selectionMetrics });
    const [listed] = listRuns(run);
    return [listed!.problem, listed!.select, listed!.val, listed!.curves[0]?.select];
  };
  assert.deepEqual(shown(true), [null, "Brier score", 0.1, "Brier score"]);
  assert.deepEqual(shown(false), [null, "Brier score", 0.3, "Brier score"]);
  rmSync(run, { recursive: true });
});

test("sorted by any column, unknown values last; filtered by texts, numbers and times", () => {
  const runs = listRuns(folder);
  assert.deepEqual(names(sortRuns(runs, "-test")).slice(0, 2), ["good", "ten"]);
  assert.deepEqual(names(sortRuns(runs, "test")).slice(0, 2), ["ten", "good"]);
  assert.deepEqual(names(sortRuns(runs, "folder")), ["broken", "nine", "ten", "good"]);
  assert.deepEqual(names(filterRuns(runs, ["status=SCORED", "test>=0.8"])), ["good"]);
  assert.deepEqual(names(filterRuns(runs, ["status!=broken", "epochs<4"])), ["nine"]);
  assert.deepEqual(names(filterRuns(runs, ["created>2026-11"])), ["nine", "ten", "good"]);
  assert.throws(() => filterRuns(runs, ["test"]), RangeOfParameterError);
  assert.throws(() => sortRuns(runs, "size"), /expected folder, name, .*received size/);
});

test("a sparkline has its lowest and highest block, at most twelve of them, and gaps for what is no number", () => {
  assert.equal(sparkline([0, 1]), "▁█");
  assert.equal(sparkline([0.5, 0.5, NaN]), "▅▅ ");
  assert.equal(sparkline(Array.from({ length: 100 }, (_, k) => k)).length, 12);
  assert.equal(sparkline([]), "");
});

test("the ledger: reads from before it count too, a line cut off by a kill is passed over, a changed one refused", () => {
  const run = join(folder, "fold/10");
  const read = { time: "2026-11-24T10:00:00.000Z", command: "slicestack evaluate", weights: { slice: "ab" } };
  assert.deepEqual(readLedger(run), { count: 1, reads: [] });
  assert.deepEqual(enterTestRead(run, read), { count: 2, reads: [read] });
  const file = join(run, "test-reads.jsonl");
  appendFileSync(file, '{"time": "20');
  assert.deepEqual(readLedger(run), { count: 2, reads: [read] });
  // The next entry begins a line of its own, and what was left of the torn one is gone from the file, but not from the log.
  const next = { ...read, command: "slicestack evaluate again" };
  const said: string[] = [];
  onNotice((text) => said.push(text));
  assert.deepEqual(enterTestRead(run, next), { count: 3, reads: [read, next] });
  assert.deepEqual(readLedger(run), { count: 3, reads: [read, next] });
  assert.equal(readFileSync(file, "utf8"), `${JSON.stringify(read)}\n${JSON.stringify(next)}\n`);
  assert.match(
    readFileSync(join(run, "run.log"), "utf8"),
    /the end of an entry was lost.*1 entry is kept: \{"time": "20\n/,
  );
  // Earlier versions wrote on behind a torn entry: the run must not be unscorable for ever.
  const [whole, torn] = [JSON.stringify(next), JSON.stringify(read).slice(0, -20)];
  writeFileSync(file, `${torn}${whole}\n${torn}`);
  assert.deepEqual(readLedger(run).reads, [next]);
  assert.deepEqual(enterTestRead(run, read).reads, [next, read]);
  assert.equal(readFileSync(file, "utf8"), `${whole}\n${JSON.stringify(read)}\n`);
  onNotice(null);
  assert.equal(said.length, 1, said.join("\n")); // the same is said once a process
  writeFileSync(file, `nonsense\n${readFileSync(file, "utf8")}`);
  assert.throws(
    () => readLedger(run),
    (error) => error instanceof RunError && /line 1 is not an entry/.test(error.message),
  );
});
