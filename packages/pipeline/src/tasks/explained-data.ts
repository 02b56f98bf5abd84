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
import { groupPaths, isGroup, readGroup } from "../run/group.js";
import { checkTrained, openRun, takeMovedData, type OpenRun } from "../run/open-run.js";
import { findTrained, memberOfRun } from "../trained/find-trained.js";
import { holdsBundle } from "../trained/is-bundle.js";
import type { TrainedMember } from "../trained/trained-model.js";

export interface ExplainedData {
  /** Their maps are averaged if there are several. */
  models: TrainedMember[];
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
  ids?: readonly string[];
}

/** @throws RunError, BundleError, DatasetError, SplitError, CheckpointError, PluginError */
export async function openExplained(options: ExplainedOptions): Promise<ExplainedData> {
  const { run, data, part, mapClasses = {} } = options;
  const other = data === undefined ? null : { directory: resolve(data), part: part ?? "all", mapClasses };
  if (await holdsBundle(run)) return ofBundle(run, other, options);
  if (isGroup(run)) return ofGroup(run, other, options);
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
    models: [memberOfRun(run, () => specOfRun(run, opened))],
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
  const { members } = await findTrained(path, options);
  for (const { spec } of members) await loadPlugins(spec.plugins);
  const [{ spec, precision }] = members as [TrainedMember, ...TrainedMember[]];
  // What it was trained on may be explained, too.
  const { dataset, volumes } = volumesForSpec(path, { ...spec, trainedOn: null }, other);
  return {
    models: members,
    classes: spec.classes.names,
    dataset,
    parts: { all: volumes },
    split: null,
    compute: { device: "auto", threads: "auto", precision },
    seed: 0,
  };
}

/**
 * The members of a group, on the data that all of them share: a volume is in the test part if it is in that of each. Of
 * another data set, those that none of them has seen.
 */
async function ofGroup(
  group: string,
  other: OtherData | null,
  options: ExplainedOptions,
): Promise<ExplainedData> {
  const runs = readGroup(group).members.map((member) => groupPaths(group).member(member));
  const each: ExplainedData[] = [];
  for (const run of runs) each.push(await openExplained({ ...options, run }));
  const [first] = each as [ExplainedData, ...ExplainedData[]];
  const models = each.flatMap((one) => one.models);
  if (other !== null && first.split === null)
    return { ...first, models, parts: { all: unseenByAll(group, each, other) } };
  const parts: Partial<Record<Part, TaskVolume[]>> = { train: [], val: [], test: [] };
  for (const volume of Object.values(first.parts).flat()) {
    const common = (["val", "test"] as const).find((part) => each.every((one) => isIn(one, part, volume)));
    parts[common ?? "train"]!.push(volume);
  }
  if (parts.test!.length === 0 && options.ids === undefined && (options.part ?? "test") === "test")
    throw new RunError(
      group,
      "has no test volume that all its members share: each fold tests others",
      "Name volumes, or explain one of its members, whose folders lie in it.",
    );
  return { ...first, models, parts };
}

/** The volumes of another data set that no member has seen. @throws RunError if there are none */
function unseenByAll(group: string, each: readonly ExplainedData[], { directory }: OtherData): TaskVolume[] {
  const [first] = each as [ExplainedData, ...ExplainedData[]];
  const volumes = first.parts.all!.filter((volume) => each.every((one) => isIn(one, "all", volume)));
  if (volumes.length > 0) return volumes;
  throw new RunError(
    group,
    `each volume of ${directory} was seen in the training of one of its ${each.length} members`,
    "Choose another data set, or explain one of its members, whose folders lie in it.",
  );
}

const isIn = ({ parts }: ExplainedData, part: Part | "all", { id }: TaskVolume): boolean =>
  parts[part]?.some((volume) => volume.id === id) === true;
