/** Scores a group of runs: each member, mean and SD over the members, and what they say together. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { BackgroundOptions } from "../../background.js";
import { configToYaml } from "../../config/to-yaml.js";
import type { RunConfig } from "../../config/types.js";
import { writeFileAtomic } from "../../data/atomic.js";
import { openDataset, type Dataset } from "../../data/store.js";
import type { TaskVolume } from "../../data/task.js";
import { svgToPng } from "../../page/drawing.js";
import { readRunConfig, RunError, runPaths } from "../../run/folder.js";
import { configHash, groupPaths, groupSplits, groupWords, readGroup, type GroupRecord, type Member } from "../../run/group.js"; // prettier-ignore
import { openRun, type OpenRun } from "../../run/open.js";
import { compareModels, type ModelDifference } from "../compare/models.js";
import { evaluate, type EvaluateResult } from "../evaluate.js";
import type { Figure } from "../figures/figure.js";
import { differenceFigure, forestFigure } from "../figures/forest.js";
import { confusionFigure, reliabilityFigure } from "../figures/model.js";
import type { MetricName } from "../metrics/scorer.js";
import { MAIN_MODEL } from "../run-predictions.js";
import { byMetric, type SummaryOptions } from "../options.js";
import { readPredictions, writePredictions, type Predictions } from "../predictions.js";
import { countPart, type PartCounts } from "../report/report.js";
import { summaryTable } from "../report/tables.js";
import { metricSpread, type RunSpread } from "../statistics/runs.js";
import { openTestPart } from "../test-part.js";
import { summarise, type ModelSummary } from "../summary.js";
import { combinationOf, ensembleOf, type Combination } from "./ensemble.js";
import { membersTable, type MembersInput } from "./members.js";
import { renderGroupReport, type GroupReport } from "./page.js";

export interface EvaluateGroupOptions extends BackgroundOptions {
  /** Group folder. */
  group: string;
  /** Another prepared data set, all of it taken as test: external validation of every member and of their mean. */
  data?: string;
  command?: string;
}

type ByPart<T> = Record<"test" | "val", T>;
/** By model. */
type ByModel<T> = Record<string, T>;

/** `metrics.json` of a group. `test`, `val` and `differences` are of all members together, as those of a run. */
export interface GroupMetrics {
  test: ModelSummary[];
  val: ModelSummary[];
  /** Of the main model to every other but the majority class, on test. */
  differences: ModelDifference[];
  combination: ByPart<Combination>;
  members: (Pick<Member, "name" | "fold" | "seed" | "splitHash"> & ByPart<ByModel<Record<MetricName, number>>>)[];
  /** Over the members. */
  spread: ByPart<ByModel<Record<MetricName, RunSpread>>>;
}

export interface GroupEvaluation {
  group: string;
  /** Members and their spread, then all together, as text. */
  table: string;
  /** Path of the report. */
  report: string;
  metrics: GroupMetrics;
}

interface EvaluatedMember {
  member: Member;
  opened: OpenRun;
  result: EvaluateResult;
  predictions: Predictions[];
  /** Its test part, or the volumes of the other data set. */
  scored: TaskVolume[];
}

/**
 * Evaluates every member as `evaluate` does, in its own folder, then all of them together in the group's.
 * @throws RunError where a member is not trained, or is not of this group; PredictionsError; and all that `evaluate` throws
 */
export async function evaluateGroup(options: EvaluateGroupOptions): Promise<GroupEvaluation> {
  const { group, data, onProgress, signal } = options;
  const record = readGroup(group);
  checkMembers(group, record);
  const external = data === undefined ? undefined : openDataset(data);
  const members: EvaluatedMember[] = [];
  for (const member of record.members) members.push(await evaluateMember(member, options, external));
  signal?.throwIfAborted();

  const config = readRunConfig(group);
  const all = ensembleOf(members.map(({ predictions }) => predictions));
  onProgress?.({ stage: "statistics", done: 0, total: 1, unit: "groups" });
  const metrics = metricsOf(members, all, config);
  onProgress?.({ stage: "statistics", done: 1, total: 1, unit: "groups" });

  const { root } = groupPaths(group);
  const paths = groupPaths(external === undefined ? root : join(root, "external", external.info.name));
  mkdirSync(paths.figures, { recursive: true });
  writePredictions(paths.predictions, all);
  writeFileAtomic(paths.summary, `${JSON.stringify(metrics, null, 2)}\n`);
  const figures = await drawFigures(metrics, MAIN_MODEL[config.method]);
  for (const { name, svg } of figures) {
    writeFileAtomic(join(paths.figures, `${name}.svg`), svg);
    writeFileAtomic(join(paths.figures, `${name}.png`), await svgToPng(svg));
  }
  const command = options.command ?? record.command;
  const report = reportOf({ group, record, config, members, external, metrics, figures, command });
  writeFileAtomic(paths.report, renderGroupReport(report));
  const table = `${membersTable(report.members)}\n\n${summaryTable(metrics.test, metrics.differences)}`;
  return { group: root, table, report: paths.report, metrics };
}

function metricsOf(members: readonly EvaluatedMember[], all: readonly Predictions[], config: RunConfig): GroupMetrics {
  const said = members.map(({ predictions }) => predictions);
  const { names } = members[0]!.opened.task.classes;
  const options = { classes: names, seed: config.seed, ordinal: names.length > 2 };
  const of = (part: "val" | "test") => all.filter((one) => one.part === part);
  return {
    test: summarise(of("test"), options),
    val: summarise(of("val"), options),
    differences: comparisons(of("test"), MAIN_MODEL[config.method], options),
    combination: { test: combinationOf(said, "test"), val: combinationOf(said, "val") },
    members: members.map(({ member: { name, fold, seed, splitHash }, result: { metrics } }) => {
      return { name, fold, seed, splitHash, test: valuesOf(metrics.test), val: valuesOf(metrics.val) };
    }),
    spread: { test: spreadOf(members, "test"), val: spreadOf(members, "val") },
  };
}

function comparisons(test: readonly Predictions[], mainModel: string, options: SummaryOptions): ModelDifference[] {
  const main = test.find(({ model }) => model === mainModel)!;
  const others = test.filter(({ model }) => model !== mainModel && model !== "majority");
  return others.map((other) => compareModels(main, other, options));
}

/** Training curves and slices are in each member's own report. */
function drawFigures({ test, differences }: GroupMetrics, mainModel: string): Promise<Figure[]> {
  const main = test.filter(({ model }) => model === mainModel);
  const drawn = [forestFigure(test), ...main.map(confusionFigure), reliabilityFigure(main)];
  return Promise.all(differences.length === 0 ? drawn : [...drawn, differenceFigure(differences)]);
}

async function evaluateMember(
  member: Member,
  { group, data, onProgress, onLog, signal }: EvaluateGroupOptions,
  external: Dataset | undefined,
): Promise<EvaluatedMember> {
  const run = groupPaths(group).member(member);
  const result = await evaluate({
    run,
    ...(data === undefined ? {} : { data }),
    ...(signal === undefined ? {} : { signal }),
    ...(onLog === undefined ? {} : { onLog }),
    ...(onProgress === undefined
      ? {}
      : { onProgress: (progress) => onProgress({ ...progress, stage: `${member.name} ${progress.stage}` }) }),
  });
  const folder = external === undefined ? run : join(run, "external", external.info.name);
  const other = external === undefined ? null : { directory: external.directory, part: "all" as const, mapClasses: {} };
  const { opened, volumes } = openTestPart(run, other);
  return { member, opened, result, predictions: readPredictions(runPaths(folder).predictions), scored: volumes };
}

/** Nothing is scored before all members are there and belong together. */
function checkMembers(group: string, record: GroupRecord): void {
  for (const member of record.members) {
    const run = groupPaths(group).member(member);
    if (member.status !== "trained")
      throw new RunError(run, "is not trained to its end", `Go on with: slicestack train --resume ${group}`);
    const opened = openRun(run);
    const differs = opened.split.hash !== member.splitHash ? "split" : configHash(opened.config) !== record.configHash ? "configuration" : opened.config.seed !== member.seed ? "seed" : null; // prettier-ignore
    if (differs !== null)
      throw new RunError(run, `has another ${differs} than the group began with`, "Put the old one back, or train the group again."); // prettier-ignore
  }
}

function valuesOf(summaries: readonly ModelSummary[]): ByModel<Record<MetricName, number>> {
  return Object.fromEntries(summaries.map(({ model, metrics }) => [model, byMetric((name) => metrics[name].value)]));
}

function spreadOf(members: readonly EvaluatedMember[], part: "test" | "val"): ByModel<Record<MetricName, RunSpread>> {
  const values = members.map(({ result }) => valuesOf(result.metrics[part]));
  const models = Object.keys(values[0] ?? {});
  return Object.fromEntries(models.map((model) => [model, metricSpread(values.map((one) => one[model]!))]));
}

/** Subjects and volumes of each part: of the one split, or of each fold. */
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
  metrics: GroupMetrics;
  figures: Figure[];
  command: string;
}

function reportOf({ group, record, config, members, external, metrics, figures, command }: Results): GroupReport {
  const { opened } = members[0]!;
  const { info } = external ?? opened.dataset;
  const words = groupWords(record.members);
  const mainModel = MAIN_MODEL[config.method];
  const mainOf = ({ result }: EvaluatedMember) => result.metrics.test.find(({ model }) => model === mainModel)!;
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
    members: shown,
    models: metrics.test,
    mainModel,
    differences: metrics.differences,
    figures,
    testReads: external === undefined ? Math.max(...members.map((one) => one.opened.record.testReads)) : 1,
    config: configToYaml(config),
    command,
    environment: { ...opened.record.versions, ...opened.record.environment, members: String(members.length) },
    warnings: [
      ...members.flatMap((one) => one.opened.split.warnings),
      ...(info.quarantined ?? []).map(({ source, reason }) => `${source} was quarantined: ${reason}`),
    ],
  };
}
