/** What the end of a trial's process means: a kill by the kernel for lack of memory, or by somebody else. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import type { Lease } from "../../../src/queue/jobs.js";
import { beginSweep } from "../../../src/sweep/begin.js";
import { clearFailure, readFailure, writeFailure } from "../../../src/sweep/trial-failure.js";
import { TrialWork } from "../../../src/sweep/local/trial-work.js";
import type { Sweep } from "../../../src/sweep/sweep.js";
import { scratch, tinyDataset } from "../../train/support.js";
import { sweepFile } from "./sweeps.js";

const folder = scratch();
let data = "";
before(async () => void (data = await tinyDataset(folder)));

const workOf = (sweep: Sweep, countOomKills = () => 0) =>
  new TrialWork({
    sweep,
    program: ["slicestack"],
    trialOf: (id) => sweep.trials.find((trial) => trial.id === id)!,
    isPruned: () => false,
    hasExpired: () => false,
    countOomKills,
    cores: 8,
  });

function leaseOf(trial: string, token = trial): Lease {
  const payload = { trial, stage: "all", sliceFrom: null, pieces: 1 };
  return { key: trial, kind: "trial", payload, needs: {}, priority: 0, token, attempt: 1, until: 0 };
}

test("a trial computes in more pieces if memory ran out while it ran, not for kills before its start or of another trial", async () => {
  const { file } = sweepFile(folder, "kills", "points: [{}, {head.dropout: 0.3}]\n");
  const sweep = await beginSweep(file, { data, out: join(folder, "kills") });
  let kills = 3;
  const work = workOf(sweep, () => kills);
  const start = (trial: string, token: string): Lease => {
    const lease = leaseOf(trial, token);
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

test("a trial that met a full disk has not failed, also where the reason did not fit on it; nothing more is started", async (t) => {
  const { file } = sweepFile(folder, "short", "points: [{}, {head.dropout: 0.3}]\n");
  const sweep = await beginSweep(file, { data, out: join(folder, "short") });
  for (const trial of sweep.trials) sweep.prepareTrial(trial);
  const of = (id: string) => sweep.paths.trial(id).folder;
  const failed = { code: 3, signal: null };
  const full = Object.assign(new Error("ENOSPC"), {
    code: "ENOSPC",
    syscall: "copyfile",
    path: "a",
    dest: "b",
  });
  const work = workOf(sweep);
  writeFailure(of("000000"), new Error("cannot be kept", { cause: full }));
  assert.deepEqual(readFailure(of("000000"))?.shortage, { code: "ENOSPC", path: "b" });
  assert.equal(work.judge(leaseOf("000000"), null, null)?.is, "released");
  assert.equal(work.isHalted, false, "an earlier controller met it");
  assert.equal(work.judge(leaseOf("000000"), failed, null)?.is, "released");
  assert.deepEqual([work.isHalted, work.shortage], [true, { code: "ENOSPC", path: "b" }]);
  clearFailure(of("000000"));

  const other = workOf(sweep);
  assert.equal(other.judge(leaseOf("000000"), failed, null)?.is, "failed", "the disk takes more");
  mkdirSync(of("000001"), { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", of("000001")], { stdio: "ignore" });
  } catch {
    return t.skip("mounting a small disk needs root");
  }
  t.after(() => execFileSync("umount", ["--lazy", of("000001")]));
  assert.equal(other.judge(leaseOf("000001"), failed, null)?.is, "released");
  assert.equal(other.shortage?.code, "ENOSPC");
});
