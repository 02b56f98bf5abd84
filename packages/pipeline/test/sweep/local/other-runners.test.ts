/** What other runners have begun or ended, and the GPUs that a trial sees. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { before, test } from "node:test";
import { SweepError } from "../../../src/sweep/errors.js";
import { TrialWork } from "../../../src/sweep/local/trial-work.js";
import { Attempts } from "../../../src/sweep/slurm/attempts.js";
import { cancelMark, slurmFolder } from "../../../src/sweep/slurm/marks.js";
import { Sweep } from "../../../src/sweep/sweep.js";
import { writeResult } from "../../../src/sweep/trial-result.js";
import { scratch, tinyDataset } from "../../train/support.js";
import { run, sweepFile } from "./sweeps.js";

const folder = scratch();
let data = "";
before(async () => void (data = await tinyDataset(folder)));

/** A sweep of one trial, which has not run. */
async function begun(name: string) {
  const { file, out } = sweepFile(folder, name, "space: {head.dropout: [0.05]}\n");
  await run(file, { data, out, signal: AbortSignal.abort() });
  const sweep = await Sweep.open(out);
  sweep.propose([], Infinity);
  return { out, sweep, trial: sweep.trials[0]! };
}

test("a trial that another runner recorded as failed is listed with its reason, and tried again where that is asked", async () => {
  const { out, sweep, trial } = await begun("told");
  sweep.prepareTrial(trial);
  const error = { name: "Error", message: "the node burned", outOfMemory: false };
  const result = {
    version: 1,
    status: "failed",
    objective: null,
    metrics: {},
    epochs: 0,
    seconds: 0,
    error,
  } as const;
  writeResult(sweep.paths.trial(trial.id).result, result);
  assert.deepEqual((await run(out)).sweep.failed, [{ trial: "000000", error: "the node burned" }]);
  const again = await run(out, { retryFailed: true });
  assert.deepEqual([again.sweep.finished, again.sweep.failed], [1, []]);
});

test("while Slurm has tasks of a sweep, they are not run here, too; once they are cancelled, they are", async () => {
  const { out } = await begun("elsewhere");
  const submission = new Attempts(slurmFolder(out)).begin("train", [
    { trial: "000000", pieces: 1, parent: null },
  ]);
  const job = {
    version: 1,
    comment: "ours",
    job: 7,
    launcher: [],
    success: [0],
    cancelled: [],
    mostRestarts: 1,
  };
  writeFileSync(submission.file, JSON.stringify({ ...job, tasks: [{ command: ["true"] }] }));
  await assert.rejects(
    run(out),
    (error) => error instanceof SweepError && /1 task .*cancel .* --on slurm/.test(error.message),
  );
  writeFileSync(cancelMark(out), "");
  assert.equal((await run(out)).sweep.finished, 1);
});

test("without GPUs by the sweep's file a trial sees none; a configuration that names a later one is refused", async (t) => {
  const { sweep, trial, out } = await begun("gpus");
  const work = new TrialWork({
    sweep,
    program: ["true"],
    trialOf: () => trial,
    isPruned: () => false,
    hasExpired: () => false,
  });
  const payload = { trial: trial.id, stage: "all", sliceFrom: null, pieces: 1 };
  const common = { key: trial.id, kind: "trial", payload, priority: 0, token: "", attempt: 1, until: 0 };
  const envOf = (needs: Record<string, number>, gpus: string[]) => {
    const command = work.command({ ...common, needs }, { needs, gpus });
    return "env" in command ? command.env : null;
  };
  assert.deepEqual(envOf({ gpus: 0 }, []), { CUDA_VISIBLE_DEVICES: "" });
  assert.deepEqual([envOf({}, []), envOf({ gpus: 1 }, ["GPU-7"])], [{}, { CUDA_VISIBLE_DEVICES: "GPU-7" }]);

  const bin = join(folder, "bin");
  mkdirSync(bin);
  const script = `#!/bin/sh\ncase "$*" in *compute-apps*) ;; *) echo "0, GPU-0, NVIDIA H200, 144000, 143000, 570.1" ;; esac\n`;
  writeFileSync(join(bin, "nvidia-smi"), script, { mode: 0o755 });
  const { PATH } = process.env;
  process.env["PATH"] = `${bin}${delimiter}${PATH}`;
  t.after(() => (process.env["PATH"] = PATH));
  const base = join(out, "base.yaml");
  writeFileSync(base, readFileSync(base, "utf8").replace(/^device: .*$/m, "device: cuda:1"));
  await assert.rejects(run(out), /asks for device cuda:1, .* run\.use_gpus to \[1\]/);
});
