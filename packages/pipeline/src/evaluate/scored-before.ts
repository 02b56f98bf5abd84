/** Whether a run was evaluated on its test set with the weights that it has now, and what came of it. */
import { basename } from "node:path";
import { stagesOf } from "../config/stages.js";
import { checkFile, readChecksums } from "../run/checksums.js";
import { readRunConfig, runPaths } from "../run/folder.js";
import { readLedger, weightsOf } from "../run/ledger.js";
import { readMetrics, type MetricsFile } from "./metrics-file.js";

/**
 * @returns null where the last reading of the test set was of other weights, or was not finished
 * @throws RunError where a file of the evaluation was changed since
 */
export async function scoredBefore(run: string): Promise<{ metrics: MetricsFile; report: string } | null> {
  const { summary, predictions, report } = runPaths(run);
  const last = readLedger(run).reads.at(-1);
  // The report is written last; an evaluation that begins removes the checksums of the one before.
  if (last === undefined || readChecksums(run)[basename(report)] === undefined) return null;
  const weights = await weightsOf(run, stagesOf(readRunConfig(run)));
  if (Object.entries(weights).some(([stage, sha256]) => last.weights[stage] !== sha256)) return null;
  for (const file of [summary, predictions])
    checkFile(run, file, "Score the run again: slicestack evaluate writes it anew.");
  return { metrics: readMetrics(summary), report };
}
