/** `sweep run` on stand-in trials: failures, memory, pauses, cancelling, points that come later, a search that learns. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { before, test } from "node:test";
import { thisProcess } from "../../../src/data/lock-owner.js";
import { LockedError } from "../../../src/data/lock.js";
import { LeaseQueue } from "../../../src/queue/lease-queue.js";
import {
  cancelSweep,
  pauseSweep,
  prioritiseTrials,
  resumeSweep,
  sweepStatus,
} from "../../../src/sweep/local/control.js";
import { addTrials } from "../../../src/sweep/local/trial-jobs.js";
import { Sweep } from "../../../src/sweep/sweep.js";
import { readResult } from "../../../src/sweep/trial-result.js";
import { scratch, tinyDataset } from "../../train/support.js";
import { eventsOf, run, sweepFile } from "./sweeps.js";

const folder = scratch();
let data = "";
before(async () => void (data = await tinyDataset(folder)));

const until = async (condition: () => boolean) => {
  while (!condition()) await setTimeout(20);
};
const begun = (out: string) => eventsOf(out).filter((event) => /begin/.test(event)).length;

test("one trial fails for good and another runs out of memory: the rest is not held up, and both are on record", async () => {
  const { file, out } = sweepFile(
    folder,
    "failures",
    "space: {head.dropout: [0.1, 0.2, 0.05]}\nrun: {slots: 2, attempts: 2}\n",
  );
  const told: string[] = [];
  const onEvent = ({ kind, trial, isSlice }: { kind: string; trial: { id: string }; isSlice: boolean }) =>
    told.push(`${trial.id}${isSlice ? "-slice" : ""} ${kind}`);
  const { status, sweep } = await run(file, { data, out, onEvent });
  assert.deepEqual([status, sweep.finished, sweep.counts.failed], ["finished", 2, 1]);
  assert.deepEqual(sweep.failed, [{ trial: "000000", error: "the loss is NaN" }]);
  assert.deepEqual([sweep.best?.point.number, sweep.best?.objective], [1, 0.2]);
  const events = eventsOf(out);
  assert.deepEqual(
    events.filter((event) => event.startsWith("000001")),
    [
      "000001 begin from 000000",
      "000001 fail",
      "000001 begin in 2 pieces from 000000",
      "000001 fail",
      "000001 begin in 4 pieces from 000000",
      "000001 end",
    ],
  );
  assert.equal(events.filter((event) => event === "000000 begin").length, 2, "attempts");
  assert.deepEqual(
    events.slice(0, 2),
    ["000000-slice begin", "000000-slice end"],
    "the shared slice stage comes first, once",
  );
  assert.equal(events.filter((event) => event.includes("-slice")).length, 2);
  const failed = readResult(join(out, "trials/000000/result.json"))!;
  assert.deepEqual(
    [failed.status, failed.error?.message, failed.error?.outOfMemory],
    ["failed", "the loss is NaN", false],
  );
  assert.match(
    readFileSync(join(out, "trials/000001/log.txt"), "utf8"),
    /attempt 2: out of memory; retrying with each batch split into 4 times/,
  );
  assert.ok(
    told.includes("000001 again") && told.includes("000000 failed") && told.includes("000002 finished"),
  );
  for (const name of ["config.yaml", "trial.json"])
    assert.ok(existsSync(join(out, "trials/000002", name)), name);

  const again = await run(out);
  assert.deepEqual([again.status, eventsOf(out).length], ["finished", events.length], "nothing is run again");
  const retried = await run(out, { retryFailed: true });
  assert.equal(retried.sweep.counts.failed, 1);
  assert.equal(eventsOf(out).filter((event) => event === "000000 begin").length, 4, "two more attempts");
});

test("pause lets nothing new start, --now gives back what runs; a cancelled trial ends; priorities and added points count", async () => {
  const { file, out } = sweepFile(
    folder,
    "asked",
    "space: {head.dropout: [0.3, 0.05, 0.06]}\nrun: {slots: 1, share_slice_stages: false}\n",
  );
  const running = run(file, { data, out });
  await until(() => begun(out) === 1);
  await assert.rejects(run(out), LockedError, "one controller");
  assert.deepEqual(pauseSweep({ sweep: out, running: "stop" }), { folder: out, changed: 3, isRunning: true });
  await until(() => eventsOf(out).includes("000000 stopped"));
  prioritiseTrials({ sweep: out, trials: [2], priority: 7 });
  prioritiseTrials({ sweep: out, trials: [0], priority: 9 });
  let paused = await sweepStatus({ sweep: out });
  while (paused.counts.leased > 0) {
    await setTimeout(20);
    paused = await sweepStatus({ sweep: out });
  }
  assert.deepEqual([paused.isPaused, paused.counts.queued, paused.isRunning], [true, 3, true]);
  resumeSweep({ sweep: out });
  await until(() => begun(out) === 2);
  const other = await Sweep.open(out);
  other.add([{ name: null, values: { "head.dropout": 0.07 } }]);
  assert.equal((await cancelSweep({ sweep: out, trials: [0] })).changed, 1);
  const { status, sweep } = await running;
  assert.deepEqual([status, sweep.counts.cancelled, sweep.finished], ["finished", 1, 3]);
  assert.deepEqual(
    eventsOf(out)
      .filter((event) => /begin/.test(event))
      .map((event) => event.slice(0, 6)),
    ["000000", "000000", "000002", "000001", "000003"],
  );
  assert.throws(() => pauseSweep({ sweep: out, trials: [99] }), /has no trial 99/);
});

test("a stop saves and gives back; cancelling a sweep that nobody runs ends what a killed controller left", async () => {
  const { file, out } = sweepFile(
    folder,
    "stopped",
    "space: {head.dropout: [0.3, 0.3001]}\nrun: {slots: 2}\n",
  );
  const stop = new AbortController();
  const stopped = run(file, { data, out, signal: stop.signal, run: { share_slice_stages: false } });
  await until(() => begun(out) === 1 || begun(out) === 2);
  await setTimeout(100);
  stop.abort();
  const { status, sweep } = await stopped;
  assert.deepEqual([status, sweep.counts.queued + sweep.finished], ["stopped", 2]);
  const { changed, isRunning } = await cancelSweep({ sweep: out });
  assert.deepEqual([changed, isRunning], [sweep.counts.queued, false]);
  const after = await run(out);
  assert.deepEqual([after.status, after.sweep.counts.cancelled], ["finished", changed]);
});

test("TPE proposes as late as it can, never the same point twice, and its budget ends the sweep", async () => {
  const { file, out } = sweepFile(
    folder,
    "tpe",
    "space: {head.dropout: {float: [0.0, 0.09]}}\nsearch: tpe\ntpe: {startup: 2}\nbudget: {points: 6}\nrun: {slots: 2, share_slice_stages: false}\n",
  );
  const { status, sweep } = await run(file, { data, out });
  assert.deepEqual([status, sweep.trials, sweep.finished], ["finished", 6, 6]);
  const { points } = await Sweep.open(out);
  assert.equal(new Set(points.map(({ values }) => values["head.dropout"])).size, 6);
  using queue = LeaseQueue.open(join(out, "queue.sqlite"));
  const jobs = queue.list();
  assert.ok(jobs[5]!.created > jobs[0]!.ended!, "the last point was proposed after the first result");
});

test("a point that lags behind at a rung is ended: its process saves, its result says pruned, and no attempt follows", async () => {
  const { file, out } = sweepFile(
    folder,
    "asha",
    "space: {head.dropout: [0.8, 0.81, 0.82, 0.4]}\nprune: {asha: {stage: volume, min_epochs: 1, reduction: 2}}\nrun: {slots: 1, share_slice_stages: false}\n",
  );
  const kinds: string[] = [];
  const { status, sweep } = await run(file, {
    data,
    out,
    onEvent: ({ kind, trial }) => kinds.push(`${trial.id} ${kind}`),
  });
  assert.deepEqual([status, sweep.pruned, sweep.counts.failed], ["finished", 1, 0]);
  assert.deepEqual(
    eventsOf(out).filter((event) => event.startsWith("000003")),
    ["000003 begin", "000003 stopped"],
  );
  const result = readResult(join(out, "trials/000003/result.json"));
  assert.deepEqual([result?.status, result?.objective], ["pruned", null]);
  assert.ok(kinds.includes("000003 pruned"));
  assert.equal((await run(out)).sweep.pruned, 1, "and it stays so");
});

test("a trial that ran in a container that is gone waits for its lease, and takes the lock that it left", async () => {
  const { file, out } = sweepFile(
    folder,
    "unseen",
    "space: {head.dropout: [0.05]}\nrun: {share_slice_stages: false}\n",
  );
  await run(file, { data, out, signal: AbortSignal.abort() });
  {
    const sweep = await Sweep.open(out);
    sweep.propose([], Infinity);
    using queue = LeaseQueue.open(join(out, "queue.sqlite"), { leaseFor: 0 });
    addTrials(queue, sweep.trials, { method: "2d", needs: { cpus: 1 }, attempts: 1, shares: false });
    queue.lease({ owner: { ...thisProcess(), pidNamespace: "pid:[1]" } });
  }
  assert.equal((await sweepStatus({ sweep: out })).counts.leased, 1);
  assert.equal((await run(out)).sweep.finished, 1);
  assert.match(readFileSync(join(out, "trials/000000/log.txt"), "utf8"), /trials\/000000 --take-over$/m);
});
