/** The job of `export`: opens the model of a run and writes it. */
import { setNumThreads } from "@slicestack/torch";
import { datasetSource } from "../input/source.js";
import { decisionFor, type Decision } from "../models/decision.js";
import { modelHash, togetherHash } from "../models/model-hash.js";
import { keepingHashes, openModel, type OpenModel } from "../predict/open-model.js";
import { planCompute } from "../run/compute.js";
import { openRun } from "../run/open-run.js";
import { loaderOf } from "../trained/member-weights.js";
import type { TrainedMember } from "../trained/trained-model.js";
import { ExportError } from "./export-error.js";
import { checkDecisions, decisionsOf, roundToHalf } from "./half-precision.js";
import type { Calibration } from "./read-out.js";
import { TARGETS, type Exported, type ExportTarget, type TargetOptions } from "./targets.js";

export interface ExportJob extends Omit<TargetOptions, "metadata"> {
  /** One model, or those of a group. */
  models: TrainedMember[];
  /** Its run, whose validation set is needed for half precision; null for a bundle. */
  run: string | null;
  to: ExportTarget;
}

export interface ExportOutcome extends Exported {
  /** Of a single model; null for a group, too. */
  calibration: Calibration | null;
  /** Whether every model has one. */
  isCalibrated: boolean;
  /** Whether there is an evaluation, but for other weights. */
  isStale: boolean;
}

export function job({ models, run, to, ...options }: ExportJob): ExportOutcome {
  const { precision } = models[0]!;
  setNumThreads(planCompute({ device: "cpu", threads: "auto", precision }).threads);
  const opened: OpenedMember[] = [];
  try {
    for (const member of models) opened.push(open(member));
    if (options.weights === "float16") decideInHalf(run, models, opened);
    const [{ decision: first }] = opened as [OpenedMember];
    const hashes = opened.map(({ hash }) => hash);
    const metadata = {
      "slicestack.model_sha256": togetherHash(hashes),
      ...decisionMetadata(opened.length === 1 ? first : null),
      ...familiarMetadata(first),
    };
    const members = opened.map(({ model, decision }) => ({
      model,
      calibration: calibrationOf(decision),
      countVote: decision?.countVote ?? null,
    }));
    const exported = TARGETS[to].write(members, { ...options, metadata });
    return {
      ...exported,
      calibration: members.length === 1 ? members[0]!.calibration : null,
      isCalibrated: members.every(({ calibration }) => calibration !== null),
      isStale: models.some(({ decision }, k) => decision !== null && opened[k]!.decision === null),
    };
  } finally {
    for (const { model } of opened) model[Symbol.dispose]();
  }
}

interface OpenedMember {
  model: OpenModel;
  hash: string;
  /** null if it was fitted for other weights, or never. */
  decision: Decision | null;
}

function open(member: TrainedMember): OpenedMember {
  const kept = keepingHashes(loaderOf(member));
  const model = openModel(member.spec, kept.load, "cpu");
  const hash = modelHash(member.spec, kept.hashes);
  return { model, hash, decision: decisionFor(member.decision, hash) };
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

/** What scans are compared with, as by `predict`: of a group, with those of its first model. */
function familiarMetadata(decision: Decision | null): Record<string, string> {
  const familiarity = decision?.familiarity ?? null;
  if (familiarity === null) return {};
  const { embedding: _, ...familiar } = familiarity;
  return { "slicestack.familiar": JSON.stringify(familiar) };
}

/** Rounds the weights. @throws ExportError if a decision on the validation set would change */
function decideInHalf(
  run: string | null,
  models: readonly TrainedMember[],
  opened: readonly OpenedMember[],
): void {
  const [{ spec, source }, { model, decision }] = [models[0]!, opened[0]!];
  if (models.length > 1)
    throw new ExportError(
      "A group is not checked in half precision: its members have different validation sets",
      "Export with --weights fp32.",
    );
  if (run === null)
    throw new ExportError(
      `${source} is of a bundle, which has no validation volumes; they are needed to check half precision`,
      "Export the run with --weights fp16, or the bundle with fp32.",
    );
  const { dataset, task } = openRun(run);
  if (task.parts.val.length === 0)
    throw new ExportError(
      `${run} has no validation volumes, which are needed to check half precision`,
      "Export with --weights fp32.",
    );
  if (spec.method === "2d" && spec.vote.rule === "count")
    throw new ExportError(
      "The vote `count` cannot be checked in half precision",
      "Export with --weights fp32.",
    );
  const before = decisionsOf(model, datasetSource(dataset), task.parts.val, decision);
  roundToHalf(model);
  checkDecisions(before, decisionsOf(model, datasetSource(dataset), task.parts.val, decision));
}
