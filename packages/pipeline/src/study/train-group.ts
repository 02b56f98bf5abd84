/** Trains the runs of a group, as a sweep runs its trials: folds of one split, seeds, or both. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { makeFolder } from "../data/make-folder.js";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import { stagesOf, type StageName } from "../config/stages.js";
import { configDifferences } from "../config/to-yaml.js";
import { removeTemporaries, writeFileAtomic } from "../data/atomic.js";
import { FolderLock } from "../data/lock.js";
import { claimFolder } from "../data/owned-folder.js";
import { splitText, type Split } from "../data/split/split.js";
import { openDataset, type Dataset } from "../data/store.js";
import type { Progress } from "../engine/progress.js";
import { sha256Of } from "../data/sealed-json.js";
import { inOneSession } from "../engine/session.js";
import { RunError, runPaths } from "../run/folder.js";
import {
  configHash,
  groupPaths,
  groupSplits,
  groupWords,
  isGroup,
  readGroup,
  readGroupConfig,
  splitsHash,
  writeGroup,
  type GroupRecord,
  type Member,
} from "../run/group.js";
import { specOfTraining } from "../models/spec-of-training.js";
import { recordLocation, openRun } from "../run/open-run.js";
import { locationOf } from "../run/dataset-location.js";
import { foldsOf, splitFor } from "../train/choose-split.js";
import { runTrainings } from "../sweep/local/trainings.js";
import type { Training } from "../sweep/local/training-record.js";
import { ofGroup, movedOr } from "../train/moved-error.js";
import { emptyFolder, refuseIrreplaceable, refuseTaken } from "../run/replace-folder.js";
import { storedConfig } from "../run/stored-config.js";
import { checkInitFrom, initModelsOf } from "../train/init-from.js";
import {
  checkedTask,
  checkStage,
  checkStarts,
  pretrainedFile,
  train,
  type TrainOptions,
  type TrainResult,
} from "../tasks/train.js";
import { alone } from "../train/world.js";

export interface GroupOptions extends Omit<TrainOptions, "fold" | "split" | "onEpoch" | "sliceFrom"> {
  /** all: a run for each fold of the data set's split. A number, counted from 0: only that fold. Default: the only split. */
  fold?: number | "all";
  /** The number of seeds, starting with that of the configuration. Default: only that seed. */
  seeds?: number;
  /** The most members that train at the same time, each as a process; default 1: one after another in this process. */
  jobs?: number;
  /** A finished group with the same folds and seeds: each member reuses the slice stage of its namesake there (see `train`). */
  sliceFrom?: string;
}

export interface GroupResult {
  /** The group folder. */
  group: string;
  status: "finished" | "stopped";
  /** The trained members, with the validation scores of those that this call trained. */
  members: { name: string; run: string; best: TrainResult["best"] | null }[];
}

/**
 * Trains every member in a run folder inside `out`, in the order of group.json. With `resume`, finished members are
 * skipped and an unfinished one continues. An abort of the signal ends after the current step, with everything saved.
 * Several processes (`world`) train each member together.
 * @throws RunError, SplitError (no folds, with the command that creates them), and all that `train` throws
 */
export function trainGroup(options: GroupOptions): Promise<GroupResult> {
  const { world = alone } = options;
  // Processes that train together form a new group for each member, so that every member needs a new session.
  return world.worldSize > 1 ? trainGroupInSession(options) : inOneSession(options, trainGroupInSession);
}

async function trainGroupInSession(options: GroupOptions): Promise<GroupResult> {
  const { world = alone, config, stage = "all" } = options;
  checkStage(config, stage, options.resume !== true && options.sliceFrom === undefined);
  const out = resolve(options.out);
  if (world.worldSize > 1 && (options.jobs ?? 1) > 1)
    throw new RunError(
      out,
      "its members cannot train at the same time and each in several processes",
      "Omit one.",
    );
  // Only the first process writes files; the others wait for it in each member.
  if (world.rank > 0) return trainWithFirst(out, memberPlans(out, options), options);
  const begin = options.resume === true ? resumeGroup(out, options) : await plan(out, options);
  makeFolder(out);
  using _lock = FolderLock.take(out, { takeOver: options.takeOver ?? false });
  removeTemporaries(out);
  const record = begin();
  options.onBegin?.();
  const splits = groupSplits(out, record);
  const members = record.members.map((member) => ({ member, split: splits[member.fold ?? 0]! }));
  let current = record;
  const keep = (change: Partial<GroupRecord>) => writeGroup(out, (current = { ...current, ...change }));
  const keepMember = ({ name }: Member, change: Partial<Member>) =>
    keep({ members: current.members.map((one) => (one.name === name ? { ...one, ...change } : one)) });
  keep({ status: "training" });
  const result = await trainMembers(out, members, options, keepMember).catch((error: unknown) => {
    noteEnd(out, current);
    throw movedOr(ofGroup(error, out), groupPaths(out).record);
  });
  const isTrained = current.members.every(({ status }) => status === "trained");
  keep({ status: result.status === "finished" && isTrained ? "trained" : "stopped" });
  return result;
}

/** A member that fails ends the group, as a stop does. */
function noteEnd(group: string, record: GroupRecord): void {
  const ended = (member: Member): Member =>
    member.status === "training" ? { ...member, status: "stopped" } : member;
  try {
    writeGroup(group, { ...record, status: "stopped", members: record.members.map(ended) });
  } catch {
    // The disk may be full: the earlier error tells more.
  }
}

interface MemberPlan {
  member: Member;
  /** Runs in the first process only. */
  split?: Split;
}

type KeepMember = (member: Member, change: Partial<Member>) => void;

const askedStages = ({ config, stage = "all" }: GroupOptions): readonly StageName[] =>
  stage === "all" ? stagesOf(config) : [stage];

async function trainMembers(
  out: string,
  plans: readonly MemberPlan[],
  options: GroupOptions,
  keep: KeepMember,
): Promise<GroupResult> {
  const { data, config, onLog } = options;
  const asked = askedStages(options);
  const ends = new Map<string, TrainResult["best"] | null>();
  const planOf = ({ name }: Training) => plans.find(({ member }) => member.name === name)!;
  const status = await runTrainings(
    plans.map((plan) => trainingOf(out, plan, options)),
    {
      ...taskOptionsOf(options),
      ...worldOf(options),
      folder: out,
      jobs: options.jobs,
      onTurn: (training) => {
        const plan = planOf(training);
        if (asked.every((stage) => plan.member.trained.includes(stage))) {
          recordLocation(training.run, openRun(training.run, data));
          ends.set(training.name, null);
          return false;
        }
        onLog?.(`${training.name} (${plans.indexOf(plan) + 1} of ${plans.length})`);
        keep(plan.member, { status: "training" });
        return true;
      },
      onEnd: (training, { best }) => {
        const { member } = planOf(training);
        const trained = stagesOf(config).filter(
          (stage) => asked.includes(stage) || member.trained.includes(stage),
        );
        keep(member, { trained, status: trained.length === stagesOf(config).length ? "trained" : "stopped" });
        ends.set(training.name, best);
      },
      onStop: (training) => keep(planOf(training).member, { status: "stopped" }),
      follow: ({ name }) => followOf(name, options),
    },
  );
  const members = plans.flatMap(({ member }) => {
    const best = ends.get(member.name);
    return best === undefined ? [] : [{ name: member.name, run: groupPaths(out).member(member), best }];
  });
  return { group: out, status, members };
}

function trainingOf(out: string, { member, split }: MemberPlan, options: GroupOptions): Training {
  const { config, data, stage, command, keepStates, sliceFrom } = options;
  return {
    name: member.name,
    run: groupPaths(out).member(member),
    config: { ...config, seed: member.seed },
    data,
    split,
    sliceFrom: sliceFrom === undefined ? null : groupPaths(sliceFrom).member(member),
    ...(stage === undefined ? {} : { stage }),
    ...(keepStates === undefined ? {} : { keepStates }),
    ...(command === undefined ? {} : { command }),
  };
}

/** What a process other than the first does: it trains what the first one trains, in the same order. */
async function trainWithFirst(
  out: string,
  plans: readonly MemberPlan[],
  options: GroupOptions,
): Promise<GroupResult> {
  const asked = askedStages(options);
  const open = plans.filter(({ member }) => !asked.every((stage) => member.trained.includes(stage)));
  const result: GroupResult = { group: out, status: "finished", members: [] };
  for (const plan of open) {
    if (options.signal?.aborted === true) return { ...result, status: "stopped" };
    const { name, run, sliceFrom: _, split: __, ...training } = trainingOf(out, plan, options);
    const more = { ...taskOptionsOf(options), ...followOf(name, options), ...worldOf(options) };
    const { status, best } = await train({
      ...training,
      ...more,
      out: run,
      resume: existsSync(runPaths(run).record),
    });
    if (status === "stopped") return { ...result, status };
    result.members.push({ name, run, best });
  }
  return result;
}

const worldOf = ({ world }: GroupOptions) => (world === undefined ? {} : { world });

/** Who follows a member: lines and progress begin with its name. */
function followOf(name: string, { onLog, onProgress }: GroupOptions): TaskOptions {
  return {
    ...(onLog === undefined ? {} : { onLog: (line) => onLog(`${name}: ${line}`) }),
    ...(onProgress === undefined ? {} : { onProgress: (progress) => onProgress(inMember(name, progress)) }),
  };
}

/** Adds the name of the member to a report. */
function inMember(name: string, { epoch, ...progress }: Progress): Progress {
  const row = epoch === undefined ? {} : { epoch: { ...epoch, stage: `${name} ${epoch.stage}` } };
  return { ...progress, ...row, stage: `${name} ${progress.stage}` };
}

/** What a process other than the first needs: the members that remain to be trained, from group.json or as it will be written. */
function memberPlans(out: string, options: GroupOptions): MemberPlan[] {
  const members =
    isGroup(out) && options.overwrite !== true
      ? readGroup(out).members
      : membersOf(splitsOfGroup(openDataset(options.data), options), options);
  return members.map((member) => ({ member }));
}

/** All folds of the split, which are stored together even if only one is trained. */
function splitsOfGroup(dataset: Dataset, { config, fold }: GroupOptions): Split[] {
  if (fold === undefined) return [splitFor(dataset, config)];
  const folds = foldsOf(dataset, fold);
  if (fold !== "all") splitFor(dataset, config, fold); // refuses a fold that does not exist
  return folds;
}

function membersOf(splits: readonly Split[], { fold, seeds, config }: GroupOptions): Member[] {
  const folds = fold === "all" ? [...splits.keys()] : [fold ?? null];
  const drawn = Array.from({ length: seeds ?? 1 }, (_, k) => config.seed + k);
  return folds.flatMap((number) =>
    drawn.map((seed) => {
      const parts = [number === null ? "" : `fold${number}`, seeds === undefined ? "" : `seed${seed}`];
      const name = parts.filter((part) => part !== "").join("-");
      const splitHash = splits[number ?? 0]!.hash;
      return { name, fold: number, seed, splitHash, status: "waiting" as const, trained: [] as StageName[] };
    }),
  );
}

/** Checks everything before anything is written. @returns a function that writes the group */
async function plan(out: string, options: GroupOptions): Promise<() => GroupRecord> {
  const {
    config,
    data,
    command = "trainGroup() of @slicestack/pipeline",
    overwrite = false,
    world = alone,
  } = options;
  const refuse = () => (overwrite ? refuseIrreplaceable(out, "group") : refuseTaken(out, "group"));
  refuse();
  if (options.fold === undefined && options.seeds === undefined)
    throw new RunError(
      out,
      "a group needs folds or seeds",
      "Give --fold all or --seeds N, or train a single run.",
    );
  const dataset = openDataset(data);
  const splits = splitsOfGroup(dataset, options);
  const members = membersOf(splits, options);
  const initFrom = await initModelsOf(config);
  checkInitFrom(config, initFrom);
  const tasks = splits.map((split) => checkedTask(out, config, dataset, split, world.worldSize));
  const trainsSlices = options.sliceFrom === undefined;
  const pretrained = trainsSlices ? await pretrainedFile(config, taskOptionsOf(options)) : null;
  // Each member checks its start once more.
  const [split, task] = [splits[0]!, tasks[0]!];
  const spec = specOfTraining({ config, dataset, task, split });
  await checkStarts({ config, spec, dataset, split, trainsSlices, pretrained, initFrom, world });
  return () => {
    refuse(); // by now another process may have begun
    if (overwrite) emptyFolder(out);
    claimFolder(out, "group");
    const yaml = storedConfig(config, out);
    writeFileAtomic(groupPaths(out).config, yaml);
    const several = splits.length > 1 || splits[0]!.fold !== null;
    writeFileAtomic(groupPaths(out).split, splitText(several ? splits : splits[0]!));
    const record: GroupRecord = {
      version: 1,
      created: new Date().toISOString(),
      command,
      status: "training",
      dataset: locationOf(out, dataset),
      configHash: configHash(config),
      configSha256: sha256Of(yaml),
      splitHash: splitsHash(splits),
      members,
    };
    writeGroup(out, record);
    return record;
  };
}

/** A group continues with the same configuration, folds and seeds. Its data set may have moved. */
function resumeGroup(out: string, options: GroupOptions): () => GroupRecord {
  const record = readGroup(out);
  const begun = readGroupConfig(out, record);
  const changed = configDifferences(begun, { ...options.config, relaunch: begun.relaunch });
  const remedy = "Continue without these settings, or train a new group with another --out.";
  if (changed.length > 0)
    throw new RunError(out, `began with another configuration (${changed.join("; ")})`, remedy);
  const splits = groupSplits(out, record);
  if (options.fold !== undefined || options.seeds !== undefined) {
    const asked = membersOf(splits, options);
    const names = (members: readonly Member[]) => members.map(({ name }) => name).join();
    if (names(asked) !== names(record.members))
      throw new RunError(
        out,
        `was begun with ${groupWords(record.members)}, received ${groupWords(asked)}`,
        remedy,
      );
  }
  const dataset = openDataset(options.data);
  const { directory, info } = dataset;
  if (info.hash !== record.dataset.hash)
    throw new RunError(
      out,
      `was started on data set ${record.dataset.hash.slice(0, 12)}, ${directory} is ${info.hash.slice(0, 12)}`,
      "Give the data set of the group with --data, or start a new group.",
    );
  // Read again then: another process may have trained members before the folder was free.
  return () => ({ ...readGroup(out), dataset: locationOf(out, dataset) });
}
