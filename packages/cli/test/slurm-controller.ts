/** A process that runs a sweep on Slurm with stand-in trials, and can be killed: node slurm-controller.js SWEEP [--retry-failed]. */
import { join } from "node:path";
import { runSweepOnSlurm } from "@slicestack/pipeline/internal";

const result = await runSweepOnSlurm({
  sweep: process.argv[2]!,
  program: [process.execPath, join(import.meta.dirname, "stand-in-trial.js")],
  retryFailed: process.argv.includes("--retry-failed"),
  onLog: (line) => process.stderr.write(`${line}\n`),
  onEvent: ({ kind, trial, stage }) => process.stdout.write(`${kind} ${stage} ${trial.number}\n`),
});
process.stdout.write(`${JSON.stringify({ status: result.status, ...result.counts })}\n`);
