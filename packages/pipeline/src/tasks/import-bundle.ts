/** Turns a bundle into a run folder, which can be evaluated and explained, and from whose weights a training can start. */
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { makeFolder } from "../data/make-folder.js";
import { loadPlugins } from "../config/plugins.js";
import { fileHashSync } from "../data/hash.js";
import { FolderLock } from "../data/lock.js";
import { claimFolder, refuseForeign } from "../data/owned-folder.js";
import { configOfSpec } from "../models/config-of-spec.js";
import { writeDecision } from "../models/decision.js";
import type { ModelSpec } from "../models/spec.js";
import { writeSpec } from "../models/spec-file.js";
import { readRecord, RunError, runPaths } from "../run/folder.js";
import { writeImportedRun } from "../run/imported-run.js";
import { findTrained, oneMember } from "../trained/find-trained.js";
import { hashOfWeights } from "../trained/member-weights.js";
import { copyPlugins } from "../trained/plugin-place.js";
import type { TrainedMember } from "../trained/trained-model.js";
import { copyRecorded } from "../weights/recorded-hash.js";
import type { ImportResult } from "./import-checkpoint.js";

export interface ImportBundleOptions {
  /** A file written by `exportBundle`. */
  bundle: string;
  /** The run folder, which is created here. */
  out: string;
  /** Which model of a bundle of a group, from 0; required if there are several. */
  member?: number;
  /** Whether the plug-ins in the bundle may run. */
  allowPlugins?: boolean;
  /** The command that the report shows. */
  command?: string;
}

/**
 * The run has the contract, the weights and the decision of the bundle, byte for byte, so that it predicts the same.
 * @throws BundleError, RunError (several models, or `out` is a run), FolderError, CheckpointError, PluginError
 */
export async function importBundle(options: ImportBundleOptions): Promise<ImportResult> {
  const { bundle, out, command = "importBundle() of @slicestack/pipeline" } = options;
  refuseTaken(resolve(out));
  const model = await findTrained(bundle, options);
  const remedy = "A run has one model: choose one with --member 0, 1, ….";
  const member = oneMember(model, options.member, remedy);
  return importMember({ member, bundle, out, command });
}

/** Makes a run of one model of an open bundle. @throws the errors of importBundle, and LockedError */
export async function importMember({
  member,
  bundle,
  out,
  command,
}: {
  member: TrainedMember;
  bundle: string;
  out: string;
  command: string;
}): Promise<ImportResult> {
  const run = resolve(out);
  refuseTaken(run);
  const { decision, precision, stages, weights } = member;
  await loadPlugins(member.spec.plugins);
  const hashes = stages.map((stage) => [stage, hashOfWeights(member, stage)] as const);
  const [file, sha256] = [basename(bundle), fileHashSync(bundle)];
  const notes = notesOf(member.spec, decision !== null);
  claimFolder(run, "run");
  using _lock = FolderLock.take(run);
  refuseTaken(run); // by now another process may have made it
  const spec = { ...member.spec, plugins: copyPlugins(member.spec.plugins, join(run, "plugins")) };
  for (const [stage, hash] of hashes) {
    makeFolder(runPaths(run).checkpoints(stage));
    copyRecorded(weights[stage]!.file, runPaths(run).best(stage), hash);
  }
  writeSpec(run, spec);
  if (decision !== null) writeDecision(runPaths(run).decision, decision);
  const described = modelText(spec);
  writeImportedRun(run, {
    config: configOfSpec(spec, precision),
    command,
    classes: spec.classes.names,
    from: "bundle",
    imported: { file, sha256, model: described, classes: spec.classes.names.length, votes: true, notes },
  });
  return { run, model: described, classes: spec.classes.names.length, notes };
}

function refuseTaken(run: string): void {
  if (existsSync(runPaths(run).record))
    throw new RunError(run, "already holds a run", "Choose another folder.");
  refuseForeign(run, "run");
}

/** Whether a folder is a run that was made from exactly this file. */
export function isImportOf(run: string, file: string): boolean {
  if (!existsSync(runPaths(run).record)) return false;
  return readRecord(run).imported?.sha256 === fileHashSync(file);
}

function modelText(spec: ModelSpec): string {
  if (spec.method === "3d") return `${spec.network.name} (3d)`;
  const head = spec.method === "2d" ? "" : ` with the head ${spec.head.name}`;
  return `${spec.trunk.name}${head} (${spec.method})`;
}

function notesOf({ trainedOn }: ModelSpec, isEvaluated: boolean): string[] {
  const from =
    trainedOn === null
      ? "Its training data are not recorded."
      : `It was trained on ${trainedOn.volumes.train} volumes of ${trainedOn.dataset.name}, and chosen on ${trainedOn.volumes.val}.`;
  return [from, ...(isEvaluated ? [] : ["It was not evaluated: its probabilities are not calibrated."])];
}
