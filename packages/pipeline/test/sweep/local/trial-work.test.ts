/** What the end of a trial's process means: a kill by the kernel for lack of memory, or by somebody else. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import type { Lease } from "../../../src/queue/jobs.js";
import { beginSweep } from "../../../src/sweep/begin.js";
import { TrialWork } from "../../../src/sweep/local/trial-work.js";
import { scratch, tinyDataset } from "../../train/support.js";
import { sweepFile } from "./sweeps.js";

const folder = scratch();
let data = "";
before(async () => void (data = await tinyDataset(folder)));

test("a trial computes in more pieces if memory ran out while it ran, not for kills before its start or of another trial", async () => {
  const { file } = sweepFile(folder, "kills", "points: [{}, {head.dropout: 0.3}]\n");
  const sweep = await beginSweep(file, { data, out: join(folder, "kills") });
  let kills = 3;
  const work = new TrialWork({
    sweep,
    program: ["slicestack"],
    trialOf: (id) => sweep.trials.find((trial) => trial.id === id)!,
    isPruned: () => false,
    hasExpired: () => false,
    countOomKills: () => kills,
    cores: 8,
  });
  const start = (trial: string, token: string): Lease => {
    const payload = { trial, stage: "all", sliceFrom: null, pieces: 1 };
    const lease = { key: trial, kind: "trial", payload, needs: {}, priority: 0, token, attempt: 1, until: 0 };
    work.command(lease, { needs: {}, gpus: [] });
    return lease;
  };
  const killed = (lease: Lease) => work.judge(lease, { code: null, signal: "SIGKILL" }, null);
  const { words } = work.command(start("000001", "x"), { needs: { cpus: 3 }, gpus: [] }) as {
    words: string[];
  };
  assert.deepEqual(words.slice(-2), ["--threads", "3"], "its share of eight cores");
  kills = 4;
  assert.equal(killed(start("000000", "a"))?.is, "failed", "the kill was earlier");
  const [first, second] = [start("000000", "b"), start("000001", "c")];
  kills = 5;
  const verdict = killed(first);
  assert.ok(verdict?.is === "released" && (verdict.payload as { pieces: number }).pieces === 2);
  assert.equal(killed(second)?.is, "failed", "one kill is of one trial");
});
