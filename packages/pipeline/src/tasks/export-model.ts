/** Writes the model of a run for other programs: an ONNX graph, a model of a Triton repository, or its weights. */
import { resolve } from "node:path";
import { pathWord } from "../command-line.js";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import { runJob } from "../engine/session.js";
import { loadPlugins } from "../config/plugins.js";
import { refuseExistingFile } from "../data/owned-folder.js";
import type { ExportJob, ExportOutcome } from "../export/export-job.js";
import type { ExportPart } from "../export/onnx.js";
import type { Calibration } from "../export/read-out.js";
import { TARGETS, type Exported, type ExportTarget } from "../export/targets.js";
import { readRecord } from "../run/folder.js";
import { isGroup } from "../run/group.js";
import { findTrained } from "../trained/find-trained.js";

export interface ExportOptions extends TaskOptions {
  /** Run or group folder, or file of a bundle. */
  run: string;
  /** Whether the plug-ins in a bundle may run. */
  allowPlugins?: boolean;
  to: ExportTarget;
  /** File, or folder for Triton. */
  out: string;
  /** Of a 2D or 2.5D model. Default whole. */
  part?: ExportPart;
  /** float16 halves the file, where no decision on the validation set changes. Default float32. */
  weights?: "float32" | "float16";
  /** Of the weights, for readers of the file. */
  licence?: string;
  /** Whether a file or folder of an earlier export may be replaced. Default false. */
  overwrite?: boolean;
}

export interface ExportResult extends Exported {
  run: string;
  to: ExportTarget;
  /** Of a single model; null for a group, whose models have one each, too. */
  calibration: Calibration | null;
  /** What a reader should know, in sentences. */
  notes: string[];
}

/**
 * @throws ExportError, RunError, BundleError, FolderError, CheckpointError, LibtorchNotFoundError
 * @throws OnnxError for a model with an op that has no rule   @throws the signal's reason
 */
export async function exportModel(options: ExportOptions): Promise<ExportResult> {
  const { run, to, out, part = "whole", weights = "float32", licence, overwrite = false, signal } = options;
  const trained = await findTrained(run, options);
  for (const { spec } of trained.members) await loadPlugins(spec.plugins);
  if (!TARGETS[to].isFolder) refuseExistingFile(out, overwrite);
  const job: ExportJob = {
    models: trained.members,
    run: trained.bundle === null ? resolve(run) : null,
    to,
    out: resolve(out),
    part,
    weights,
    overwrite,
    ...(licence === undefined ? {} : { licence }),
  };
  const { isStale, isCalibrated, ...exported } = await runJob<ExportJob, ExportOutcome>(
    new URL("../export/export-job.js", import.meta.url),
    job,
    taskOptionsOf(options),
  ).finally(() => signal?.throwIfAborted());
  const notes: string[] = [];
  if (trained.bundle === null && !isGroup(run) && readRecord(run).status !== "trained")
    notes.push("The training of this run has not ended: its best weights so far were exported.");
  if (exported.graph !== null && part !== "trunk" && !isCalibrated)
    notes.push(
      trained.bundle === null
        ? `${isStale ? "The evaluation of this run is of other weights" : "The run is not evaluated"}, so that there are no ` +
            `calibrated probabilities. Score it first: slicestack evaluate ${pathWord(run)}`
        : "The bundle was made of a model that was not evaluated, so that there are no calibrated probabilities.",
    );
  return { ...exported, run: resolve(run), to, notes };
}
