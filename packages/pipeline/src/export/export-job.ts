/** The job of `export`: opens the model of a run and writes it. */
import { setNumThreads } from "@slicestack/torch";
import { datasetSource } from "../input/source.js";
import { decisionFor, readDecision, type Decision } from "../models/decision.js";
import { modelHash } from "../models/model-hash.js";
import { readSpec, specOfRun } from "../models/spec-file.js";
import type { ModelSpec } from "../models/spec.js";
import { keepingHashes, loadFrom, openModel, type OpenModel } from "../predict/open-model.js";
import { planCompute } from "../run/compute.js";
import { readRunConfig, runPaths } from "../run/folder.js";
import { openRun } from "../run/open-run.js";
import { ExportError } from "./export-error.js";
import { checkDecisions, decisionsOf, roundToHalf } from "./half-precision.js";
import type { Calibration } from "./read-out.js";
import { TARGETS, type Exported, type ExportTarget, type TargetOptions } from "./targets.js";

export interface ExportJob extends Omit<TargetOptions, "calibration" | "metadata"> {
  run: string;
  to: ExportTarget;
}

export interface ExportOutcome extends Exported {
  calibration: Calibration | null;
  /** Whether there is an evaluation, but for other weights. */
  isStale: boolean;
}

export function job({ run, to, ...options }: ExportJob): ExportOutcome {
  setNumThreads(planCompute({ ...readRunConfig(run), device: "cpu" }).threads);
  // Exporting requires nothing from the data set, which may no longer exist.
  const spec = readSpec(run) ?? specOfRun(run, openRun(run));
  const kept = keepingHashes(loadFrom(runPaths(run).best));
  using model = openModel(spec, kept.load, "cpu");
  const hash = modelHash(spec, kept.hashes);
  const found = readDecision(runPaths(run).decision);
  const decision = decisionFor(found, hash);
  if (options.weights === "float16") decideInHalf(run, model, spec, decision);
  const calibration = calibrationOf(decision);
  const metadata = { "slicestack.model_sha256": hash, ...decisionMetadata(decision) };
  const exported = TARGETS[to].write(model, { ...options, calibration, metadata });
  return { ...exported, calibration, isStale: found !== null && decision === null };
}

function calibrationOf(decision: Decision | null): Calibration | null {
  if (decision === null) return null;
  const { priors, temperature } = decision.calibration;
  return { priors, temperature: temperature.temperature };
}

/** Metadata that a reader needs to make decisions from the probabilities. */
function decisionMetadata(decision: Decision | null): Record<string, string> {
  if (decision === null) return {};
  const { thresholds, sets } = decision;
  return { "slicestack.thresholds": JSON.stringify(thresholds), "slicestack.sets": JSON.stringify(sets) };
}

/** Rounds the weights. @throws ExportError if a decision on the validation set would change */
function decideInHalf(run: string, model: OpenModel, spec: ModelSpec, decision: Decision | null): void {
  const { dataset, task } = openRun(run);
  if (task.parts.val.length === 0)
    throw new ExportError(
      `${run} has no validation volumes, which are needed to check half precision`,
      "Export with --weights fp32.",
    );
  if (spec.method === "2d" && spec.vote.rule === "count")
    throw new ExportError("The vote `count` cannot be checked in half precision", "Export with --weights fp32.");
  const before = decisionsOf(model, datasetSource(dataset), task.parts.val, decision);
  roundToHalf(model);
  checkDecisions(before, decisionsOf(model, datasetSource(dataset), task.parts.val, decision));
}
