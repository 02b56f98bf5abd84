/** Scores a group of runs: each member, mean and SD over the members, and their joint predictions. */
import { dirname, relative, resolve } from "node:path";
import { type MetricName, metricSpread, type RunSpread } from "@slicestack/stats";
import { makeFolder } from "../data/make-folder.js";
import { pathWord } from "../command-line.js";
import { inOneSession } from "../engine/session.js";
import type { TaskOptions } from "../engine/task-options.js";
import { configToYaml } from "../config/to-yaml.js";
import type { RunConfig } from "../config/types.js";
import { writeFileAtomic } from "../data/atomic.js";
import { openDataset, type Dataset } from "../data/store.js";
import { refuseUnwritable } from "../engine/system-errors.js";
import type { TaskVolume } from "../data/task.js";
import { addChecksums, dropChecksums, evaluationFiles } from "../run/checksums.js";
import { RunError, runPaths } from "../run/folder.js";
import {
  configHash,
  groupPaths,
  groupSplits,
  groupWords,
  readGroup,
  readGroupConfig,
  splitsHash,
  writeGroup,
  type GroupRecord,
  type Member,
} from "../run/group.js";
import { openRun, takeMovedData, type OpenRun } from "../run/open-run.js";
import { isMoved, locationOf } from "../run/dataset-location.js";
import { withoutDefaultWindow } from "../run/default-window.js";
import { analyseJoint } from "../evaluate/analysis/analysis.js";
import { compareModels, type ModelDifference } from "../evaluate/compare/models.js";
import { evaluate, type EvaluateOptions, type EvaluateResult } from "./evaluate.js";
import { flowFigure } from "../report/figures/flow.js";
import type { Figure } from "../report/figures/figure.js";
import { drawGroupFigures, writeFigures } from "../report/figures/group.js";
import { MAIN_MODEL } from "../evaluate/run-predictions.js";
import { externalFolder } from "../evaluate/output-folder.js";
import { byMetric, type SummaryOptions } from "../evaluate/summary-options.js";
import { readSubjectTable, subgroupColumns } from "../evaluate/subject-table.js";
import type { SubgroupColumn } from "../evaluate/subgroups/columns.js";
import { readPredictions, writePredictions, type Predictions } from "../evaluate/predictions.js";
import { cohortTable, flowOf, type CohortSplit } from "../report/cohort.js";
import type { Participants } from "../report/participants.js";
import { countPart, type PartCounts } from "../report/part-counts.js";
import { summaryTable } from "../report/summary-tables.js";
import type { OtherData } from "../evaluate/matched-volumes.js";
import { scoredBefore } from "../evaluate/scored-before.js";
import { openTestPart } from "../evaluate/test-part.js";
import { summarise, type ModelSummary } from "../evaluate/summary.js";
import { combinationOf, ensembleOf } from "../evaluate/group/ensemble.js";
import { membersTable, type MembersInput } from "../report/group-members.js";
import {
  groupMetricsText,
  type ByModel,
  type GroupMetrics,
  type MemberMetrics,
} from "../evaluate/group/metrics-file.js";
import { renderGroupReport, type GroupReport } from "../report/group-page.js";

export interface EvaluateGroupOptions
  extends
    TaskOptions,
    Pick<EvaluateOptions, "part" | "mapClasses" | "subgroups" | "baseline" | "images" | "resamples"> {
  /** Group folder. */
  group: string;
  /** Another prepared data set: external validation of every member and of their mean. */
  data?: string;
  /**
   * Members that were scored before with the weights that they have now are not scored again, so that an evaluation that was
   * killed continues without a second reading of their test set. Default false.
   */
  keepScored?: boolean;
  command?: string;
}

export interface GroupEvaluation {
  group: string;
  /** The members with their spread and their joint scores, as text. */
  table: string;
  /** Path of the report. */
  report: string;
  metrics: GroupMetrics;
}

interface EvaluatedMember {
  member: Member;
  opened: OpenRun;
  result: Pick<EvaluateResult, "metrics" | "report">;
  predictions: Predictions[];
  /** Its test set, or the volumes of the other data set. */
  scored: TaskVolume[];
  /** The data set of those volumes. */
  dataset: Dataset;
}

/**
 * Evaluates every member as `evaluate` does, in its folder, then all of them together in the folder of the group.
 * @throws RunError if a member is not trained, or is not of this group; PredictionsError; and all that `evaluate` throws
 */
export function evaluateGroup(options: EvaluateGroupOptions): Promise<GroupEvaluation> {
  return inOneSession(options, evaluateGroupInSession);
}

async function evaluateGroupInSession(given: EvaluateGroupOptions): Promise<GroupEvaluation> {
  const { data, ...rest } = given;
  const isOwn = data !== undefined && (given.part ?? "all") === "all" && takeMovedGroup(given.group, data);
  const options: EvaluateGroupOptions = isOwn ? rest : given;
  const { group, onProgress, signal } = options;
  const record = readGroup(group);
  checkMembers(group, record);
  refuseUnwritable(group, "folder");
  const other = otherData(options);
  const external = other === null ? undefined : openDataset(other.directory);
  const members: EvaluatedMember[] = [];
  for (const member of record.members) members.push(await evaluateMember(member, options, other));
  signal?.throwIfAborted();

  const config = readGroupConfig(group, record);
  const all = ensembleOf(members.map(({ predictions }) => predictions));
  onProgress?.({ stage: "statistics", done: 0, total: 1, unit: "groups" });
  const { directory } = members[0]!.dataset;
  const volumes = all.find(({ part }) => part === "test")!.ids.map((id) => ({ id }));
  const subgroups = subgroupColumns(readSubjectTable(directory), volumes, options.subgroups);
  const metrics = metricsOf(members, all, config, { ...options, columns: subgroups.columns });
  onProgress?.({ stage: "statistics", done: 1, total: 1, unit: "groups" });

  const { root } = groupPaths(group);
  const paths = groupPaths(external === undefined ? root : externalFolder(root, external.info, other!));
  dropChecksums(root, evaluationFiles(relative(root, paths.root)));
  makeFolder(paths.root);
  writePredictions(paths.predictions, all);
  writeFileAtomic(paths.summary, groupMetricsText(metrics));
  const splits = splitsOf(members);
  const otherCohort =
    external === undefined
      ? null
      : { dataset: external, volumes: members[0]!.scored, table: readSubjectTable(external.directory) };
  const figures = [
    flowFigure(flowOf(splits, otherCohort)),
    ...(await drawGroupFigures(metrics, MAIN_MODEL[config.method])),
  ];
  await writeFigures(paths.figures, figures);
  const command = options.command ?? record.command;
  const notes = subgroups.notes;
  const participants = cohortTable(splits, otherCohort);
  const shared = { group, record, config, members, external, participants };
  const report = reportOf({ ...shared, metrics, figures, command, notes });
  writeFileAtomic(paths.report, renderGroupReport(report));
  addChecksums(root);
  const table = `${membersTable(report.members)}\n\n${summaryTable(metrics.test, metrics.differences)}`;
  return { group: root, table, report: paths.report, metrics };
}

function metricsOf(
  members: readonly EvaluatedMember[],
  all: readonly Predictions[],
  config: RunConfig,
  { resamples, columns }: Pick<EvaluateGroupOptions, "resamples"> & { columns: readonly SubgroupColumn[] },
): GroupMetrics {
  const said = members.map(({ predictions }) => predictions);
  const { opened } = members[0]!;
  const { names } = opened.task.classes;
  const { ordinal, external, splitHash: _ofMember, ...facts } = members[0]!.result.metrics.run;
  const options = {
    classes: names,
    seed: config.seed,
    ordinal,
    ...(resamples === undefined ? {} : { resamples }),
  };
  const of = (part: "val" | "test") => all.filter((one) => one.part === part);
  const [test, val] = [summarise(of("test"), options), summarise(of("val"), options)];
  const { pairs, curves, subgroups } = analyseJoint(
    { predictions: of("test"), summaries: { val, test }, mainModel: facts.mainModel, columns },
    options,
  );
  return {
    version: 1,
    run: { ...facts, seed: config.seed, ordinal, external, splitHash: groupSplitHash(members) },
    test,
    val,
    differences: comparisons(of("test"), facts.mainModel, options),
    combination: { test: combinationOf(said, "test"), val: combinationOf(said, "val") },
    members: members.map(memberMetrics),
    spread: { test: spreadOf(members, "test"), val: spreadOf(members, "val") },
    pairs,
    curves,
    subgroups,
  };
}

function memberMetrics({ member, opened, scored, result: { metrics } }: EvaluatedMember): MemberMetrics {
  const { name, fold, seed, splitHash } = member;
  const subjects = (volumes: readonly TaskVolume[]) => new Set(volumes.map(({ subject }) => subject)).size;
  return {
    name,
    fold,
    seed,
    splitHash,
    trainSubjects: subjects(opened.task.parts.train),
    testSubjects: subjects(scored),
    test: valuesOf(metrics.test),
    val: valuesOf(metrics.val),
  };
}

/** The same for all groups with the same splits; for a single split, the hash of its runs. */
function groupSplitHash(members: readonly EvaluatedMember[]): string {
  const splits = new Map(members.map(({ opened: { split } }) => [split.hash, split]));
  return splits.size === 1 ? [...splits.keys()][0]! : splitsHash([...splits.values()]);
}

function comparisons(
  test: readonly Predictions[],
  mainModel: string,
  options: SummaryOptions,
): ModelDifference[] {
  const main = test.find(({ model }) => model === mainModel)!;
  const others = test.filter(({ model }) => model !== mainModel && model !== "majority");
  return others.map((other) => compareModels(main, other, options));
}

function otherData({ data, part = "all", mapClasses = {} }: EvaluateGroupOptions): OtherData | null {
  return data === undefined ? null : { directory: resolve(data), part, mapClasses };
}

async function evaluateMember(
  member: Member,
  options: EvaluateGroupOptions,
  other: OtherData | null,
): Promise<EvaluatedMember> {
  const { group, onProgress, command: _ofGroup, data: _asOther, keepScored = false, ...shared } = options;
  const run = groupPaths(group).member(member);
  const { part, mapClasses } = other ?? {};
  const kept = keepScored && other === null ? await scoredBefore(run) : null;
  const result =
    kept ??
    (await evaluate({
      ...shared,
      run,
      ...(other === null ? {} : { data: other.directory, part: part!, mapClasses: mapClasses! }),
      ...(onProgress === undefined
        ? {}
        : {
            onProgress: (progress) => onProgress({ ...progress, stage: `${member.name} ${progress.stage}` }),
          }),
    }));
  const predictions = readPredictions(runPaths(dirname(result.report)).predictions);
  const { opened, volumes, dataset } = openTestPart(run, other);
  return { member, opened, result, predictions, scored: volumes, dataset };
}

/** Like takeMovedData, for the group and all its members. */
function takeMovedGroup(group: string, data: string): boolean {
  const record = readGroup(group);
  if (!isMoved(group, record.dataset, data)) return false;
  for (const member of record.members) takeMovedData(groupPaths(group).member(member), data);
  writeGroup(group, { ...record, dataset: locationOf(group, openDataset(data)) });
  return true;
}

/** Checks before scoring that all members exist and belong together. */
function checkMembers(group: string, record: GroupRecord): void {
  const begun = readGroupConfig(group, record);
  for (const member of record.members) {
    const run = groupPaths(group).member(member);
    if (member.status !== "trained")
      throw new RunError(
        run,
        "is not fully trained",
        `To continue: slicestack train --resume ${pathWord(group)}`,
      );
    const opened = openRun(run);
    const recipe = withoutDefaultWindow(opened.config, begun);
    const differs =
      opened.split.hash !== member.splitHash
        ? "split"
        : configHash(recipe) !== record.configHash
          ? "configuration"
          : opened.config.seed !== member.seed
            ? "seed"
            : null;
    if (differs !== null)
      throw new RunError(
        run,
        `has a ${differs} other than the one that the group began with`,
        "Put the old one back, or train the group again.",
      );
  }
}

function valuesOf(summaries: readonly ModelSummary[]): ByModel<Record<MetricName, number>> {
  return Object.fromEntries(
    summaries.map(({ model, metrics }) => [model, byMetric((name) => metrics[name].value)]),
  );
}

function spreadOf(
  members: readonly EvaluatedMember[],
  part: "test" | "val",
): ByModel<Record<MetricName, RunSpread>> {
  const values = members.map(({ result }) => valuesOf(result.metrics[part]));
  const models = Object.keys(values[0] ?? {});
  return Object.fromEntries(models.map((model) => [model, metricSpread(values.map((one) => one[model]!))]));
}

/** The splits of the members, each once. */
function splitsOf(members: readonly EvaluatedMember[]): CohortSplit[] {
  const first = new Map(members.toReversed().map((one) => [one.member.splitHash, one]));
  return [...first.values()].reverse().map(({ member, opened }) => ({ name: `fold${member.fold}`, opened }));
}

/** Subjects and volumes of each part of the split, or of each fold. */
function partsOf(members: readonly EvaluatedMember[]): PartCounts[] {
  const rows = (volumes: readonly TaskVolume[]) => volumes.map(({ subject, label }) => ({ subject, label }));
  const seen = new Map(members.map((one) => [one.member.splitHash, one]));
  const several = seen.size > 1;
  return [...seen.values()].flatMap(({ member, scored, opened: { task } }) => {
    return Object.entries({ ...task.parts, test: scored }).map(([part, volumes]) =>
      countPart(several ? `fold${member.fold} ${part}` : part, rows(volumes), task.classes.count),
    );
  });
}

interface Results {
  group: string;
  record: GroupRecord;
  config: RunConfig;
  members: readonly EvaluatedMember[];
  external: Dataset | undefined;
  participants: Participants | null;
  metrics: GroupMetrics;
  figures: Figure[];
  command: string;
  notes: string[];
}

function reportOf({
  group,
  record,
  config,
  members,
  external,
  participants,
  metrics,
  figures,
  command,
  notes,
}: Results): GroupReport {
  const { opened } = members[0]!;
  const { info } = external ?? opened.dataset;
  const words = groupWords(record.members);
  const mainModel = MAIN_MODEL[config.method];
  const mainOf = ({ result }: EvaluatedMember) =>
    result.metrics.test.find(({ model }) => model === mainModel)!;
  const shown: MembersInput = {
    words,
    combination: metrics.combination.test,
    rows: members.map((one) => ({ name: one.member.name, summary: mainOf(one) })),
    spread: metrics.spread.test[mainModel]!,
  };
  return {
    title: `${config.name}, ${words}${external === undefined ? "" : ` on ${info.name}`}`,
    created: new Date().toISOString(),
    dataset: { name: info.name, hash: info.hash, attribution: info.attribution },
    split: { seed: groupSplits(group, record)[0]!.seed, hash: record.splitHash, parts: partsOf(members) },
    participants,
    members: shown,
    part: "test",
    task: { description: words, classes: metrics.run.classes, ordinal: metrics.run.ordinal },
    models: metrics.test,
    mainModel,
    differences: metrics.differences,
    analysis: metrics,
    figures,
    testReads: external === undefined ? Math.max(...members.map((one) => one.opened.record.testReads)) : 1,
    config: configToYaml(config),
    command,
    environment: { ...opened.record.versions, ...opened.record.environment, members: String(members.length) },
    warnings: [
      ...notes,
      ...members.flatMap((one) => one.opened.split.warnings),
      ...(info.quarantined ?? []).map(({ source, reason }) => `${source} was quarantined: ${reason}`),
    ],
  };
}
