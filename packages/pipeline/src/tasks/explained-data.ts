/** What `explain` explains: one trained model, and volumes of a prepared data set. */
import { resolve } from "node:path";
import { loadPlugins } from "../config/plugins.js";
import type { RunConfig } from "../config/types.js";
import type { Dataset } from "../data/store.js";
import type { Part } from "../data/split/parts.js";
import type { TaskVolume } from "../data/task.js";
import { volumesForSpec, type OtherData } from "../evaluate/matched-volumes.js";
import { openTestPart } from "../evaluate/test-part.js";
import { specOfRun, usePluginsOf } from "../models/spec-file.js";
import { readRunConfig, RunError } from "../run/folder.js";
import { isGroup } from "../run/group.js";
import { checkTrained, openRun, takeMovedData, type OpenRun } from "../run/open-run.js";
import { findTrained, memberOfRun, oneMember } from "../trained/find-trained.js";
import { holdsBundle } from "../trained/is-bundle.js";
import type { TrainedMember } from "../trained/trained-model.js";

export interface ExplainedData {
  member: TrainedMember;
  classes: readonly string[];
  dataset: Dataset;
  /** Volumes of the task by the part of the run's split; of another data set, all that were asked for are under `all`. */
  parts: Partial<Record<Part | "all", readonly TaskVolume[]>>;
  /** Hash of the split; null for another data set. */
  split: string | null;
  compute: Pick<RunConfig, "device" | "threads" | "precision">;
  seed: number;
}

export interface ExplainedOptions {
  run: string;
  data?: string;
  part?: OtherData["part"];
  mapClasses?: Record<string, string>;
  allowPlugins?: boolean;
}

/** @throws RunError, BundleError, DatasetError, SplitError, CheckpointError, PluginError */
export async function openExplained(options: ExplainedOptions): Promise<ExplainedData> {
  const { run, data, part, mapClasses = {} } = options;
  if (isGroup(run))
    throw new RunError(run, "is a group of runs", "Explain one of its members, whose folders lie in it.");
  const other = data === undefined ? null : { directory: resolve(data), part: part ?? "all", mapClasses };
  if (await holdsBundle(run)) return ofBundle(run, other, options);
  await usePluginsOf(run);
  // It is the data set of the run that was moved, not another one.
  const isOwn = data !== undefined && takeMovedData(run, data);
  if (other !== null && !isOwn) return ofOtherData(run, other);
  const opened = openRun(run);
  return {
    ...ofRun(run, opened),
    dataset: opened.dataset,
    parts: opened.task.parts,
    split: opened.split.hash,
  };
}

function ofOtherData(run: string, other: OtherData): ExplainedData {
  const { opened, dataset, volumes } = openTestPart(run, other);
  return { ...ofRun(run, opened), dataset, parts: { all: volumes }, split: null };
}

function ofRun(run: string, opened: OpenRun) {
  checkTrained(opened, run);
  const { device, threads, precision, seed } = readRunConfig(run);
  return {
    member: memberOfRun(run, () => specOfRun(run, opened)),
    classes: opened.task.classes.names,
    compute: { device, threads, precision },
    seed,
  };
}

async function ofBundle(
  path: string,
  other: OtherData | null,
  options: ExplainedOptions,
): Promise<ExplainedData> {
  if (other === null)
    throw new RunError(path, "is a bundle, which has no data set", "Name a prepared one: --data DATA.");
  const remedy = "Import one of them: slicestack import BUNDLE RUN --member 0.";
  const member = oneMember(await findTrained(path, options), undefined, remedy);
  await loadPlugins(member.spec.plugins);
  // What it was trained on may be explained, too.
  const { dataset, volumes } = volumesForSpec(path, { ...member.spec, trainedOn: null }, other);
  return {
    member,
    classes: member.spec.classes.names,
    dataset,
    parts: { all: volumes },
    split: null,
    compute: { device: "auto", threads: "auto", precision: member.precision },
    seed: 0,
  };
}
