/** Scores a run on its test set (or on another data set, or on val as published) and writes predictions, metrics, tables and the report. */
import { makeFolder } from "../data/make-folder.js";
import { decisionFor, readDecision } from "../models/decision.js";
import { usePluginsOf } from "../models/spec-file.js";

import { join, resolve } from "node:path";
import { RangeOfParameterError } from "@slicestack/stats";
import { pathWord } from "../command-line.js";
import { runJob } from "../engine/session.js";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import { stagesOf } from "../config/stages.js";
import { openDataset, type Dataset } from "../data/store.js";
import { refuseUnwritable } from "../engine/system-errors.js";
import { checkFile } from "../run/checksums.js";
import { RunError, runPaths } from "../run/folder.js";
import { noteTestRead, readLedger } from "../run/ledger.js";
import { checkTrained, takeMovedData, type OpenRun } from "../run/open-run.js";
import { verifyOnce } from "../run/verify-once.js";
import type { Protocol } from "../evaluate/analysis/protocols.js";
import { decisionOf } from "../evaluate/decision-of-run.js";
import { costReport, type CostReport } from "../evaluate/cost.js";
import type { MetricsFile } from "../evaluate/metrics-file.js";
import { evaluationMetrics } from "../evaluate/evaluation-metrics.js";
import type { SummaryOptions } from "../evaluate/summary-options.js";
import { trainedPriors } from "../evaluate/priors.js";
import { externalFolder } from "../evaluate/output-folder.js";
import { pictures, type Pictures } from "../report/pictures.js";
import { reportInput } from "../report/report-of-run.js";
import { summaryTable } from "../report/summary-tables.js";
import {
  baselinePredictions,
  evidenceOf,
  MAIN_MODEL,
  sliceCounts,
  valVoters,
  votePredictions,
  type ScoredPart,
} from "../evaluate/run-predictions.js";
import { selectionsOf } from "../run/epoch-selection.js";
import type { OtherData } from "../evaluate/matched-volumes.js";
import { openTestPart, type TestPart } from "../evaluate/test-part.js";
import { readSubjectTable, subgroupColumns } from "../evaluate/subject-table.js";
import type { PredictJob, PredictOutcome } from "../evaluate/predict-job.js";
import { writeEvaluation } from "../report/write-evaluation.js";
import { holdsBundle } from "../trained/is-bundle.js";
import { importBundle, isImportOf } from "./import-bundle.js";

export interface EvaluateOptions extends TaskOptions {
  /** Run folder, or file of a bundle, which becomes a run in `out` first. */
  run: string;
  /** For a bundle: the run folder to create, or one that an earlier call made of the same file. */
  out?: string;
  /** Whether the plug-ins in a bundle may run. */
  allowPlugins?: boolean;
  /** Another prepared data set, for external validation; an imported checkpoint and a bundle need one. */
  data?: string;
  /** A part of the other data set's split; default: all of its volumes. */
  part?: OtherData["part"];
  /** Class names of the other data set → classes of the task, if the names differ; "" excludes a class. */
  mapClasses?: Record<string, string>;
  /** Ids of the other data set's volumes to score, if not all of the part. */
  only?: readonly string[];
  /** clean (default): chosen on val, scored on test. paper: chosen and scored on val, as published; test is not read. */
  protocol?: Protocol;
  /** Columns of subjects.csv whose groups are scored separately; default: those named site, scanner, sex, age and similar. */
  subgroups?: readonly string[];
  /** Numeric columns (a size, an age) for a logistic regression baseline. */
  baseline?: readonly string[];
  /** false: no picture of a scan in the report. Default true. */
  images?: boolean;
  /** Resamples of the bootstrap and of permutation tests; default 2000. */
  resamples?: number;
  command?: string;
}

export interface EvaluateResult {
  run: string;
  /** The models with their intervals, as text. */
  table: string;
  /** Path of the report. */
  report: string;
  /** The content of metrics.json. */
  metrics: MetricsFile;
  cost: CostReport;
}

/**
 * An abort of the signal ends before anything is written.
 * @throws RunError, DatasetError, SplitError, CheckpointError, PredictionsError, RangeOfParameterError,
 *   LibtorchNotFoundError; BundleError, FolderError for a bundle   @throws the signal's reason
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluateResult> {
  if (await holdsBundle(options.run)) return evaluate(await imported(options));
  const {
    run,
    data,
    part: otherPart = "all",
    mapClasses = {},
    only,
    onProgress,
    signal,
    protocol = "clean",
  } = options;
  if (protocol === "paper" && data !== undefined)
    throw new RangeOfParameterError("protocol", "clean, where another data set is scored", "paper");
  await usePluginsOf(run);
  // It is the data set of the run that was moved, not another one.
  const isOwn = data !== undefined && otherPart === "all" && takeMovedData(run, data);
  const other =
    data === undefined || isOwn
      ? null
      : { directory: resolve(data), part: otherPart, mapClasses, ...(only === undefined ? {} : { only }) };
  const found = openTestPart(run, other);
  const { opened } = found;
  const external = other === null ? null : found.dataset;
  checkTrained(opened, run);
  const parts = scoredParts(found, protocol);
  const scored = parts.at(-1)!;
  // Missing columns are refused before anything is computed or read.
  const subgroups = subgroupColumns(scored.table, scored.volumes, options.subgroups);
  const baselines = baselinePredictions(opened, parts, baselineOptions(opened, parts, options));

  checkFile(
    run,
    runPaths(run).metrics,
    "Put the old file back, or train the run again: the file contains the numbers of the training.",
  );
  refuseUnwritable(run, "folder");
  const isOwnTest = external === null && protocol === "clean";
  await verifyOnce(opened.dataset, taskOptionsOf(options));
  if (external !== null) await verifyOnce(external, taskOptionsOf(options));
  const job: PredictJob = {
    run: resolve(run),
    other,
    parts: parts.map(({ part }) => part),
    measure: true,
    embed: isOwnTest,
  };
  const outcome = await runJob<PredictJob, PredictOutcome>(
    new URL("../evaluate/predict-job.js", import.meta.url),
    job,
    taskOptionsOf(options),
  ).finally(() => signal?.throwIfAborted());
  // Only the test set of the run can be used up; from now on its scores exist.
  const command = options.command ?? "evaluate() of @slicestack/pipeline";
  const ledger = isOwnTest ? await noteTestRead(run, stagesOf(opened.config), command) : readLedger(run);

  onProgress?.({ stage: "statistics", done: 0, total: 2, unit: "parts" });
  // A model of a bundle decides as its evaluation did; its validation set is not here.
  const isWithoutVal = opened.task.parts.val.length === 0;
  const kept = isWithoutVal ? decisionFor(readDecision(runPaths(run).decision), outcome.model) : null;
  const predictions = [
    ...baselines.predictions,
    ...votePredictions(opened, outcome.slices, parts, kept?.countVote),
    ...outcome.predictions,
  ];
  const facts = runFacts(opened, external);
  const main = predictions.find(({ model, part }) => model === facts.mainModel && part === scored.part)!;
  const evidence = evidenceOf(facts.mainModel, outcome, main);
  const voters = valVoters(outcome.slices);
  const metrics = evaluationMetrics(
    {
      protocol,
      run: facts,
      predictions,
      priors: priorsOf(opened),
      kept,
      voters,
      evidence,
      columns: subgroups.columns,
    },
    settingsOf(opened, options),
  );
  onProgress?.({ stage: "statistics", done: 2, total: 2, unit: "parts" });

  const folder = outputFolder(run, external, { part: otherPart, mapClasses }, protocol);
  makeFolder(folder);
  const cost = costReport(outcome.cost!, opened.record, runPaths(run).metrics);
  const dataset = external ?? opened.dataset;
  const { failures } = metrics;
  const decision = isOwnTest ? decisionOf({ opened, metrics, outcome, voters }) : null;
  const shown =
    options.images === false
      ? NO_PICTURES
      : await pictures(dataset, scored.volumes, { main, evidence, opened, failures });
  const notes = [...unfinishedNote(opened, run), ...found.notes, ...baselines.notes, ...subgroups.notes];
  const input = reportInput(opened, {
    metrics,
    dataset,
    scored,
    cost,
    ledger,
    evidence,
    command,
    notes,
    ...shown,
  });
  await writeEvaluation(folder, {
    metrics,
    predictions,
    slices: sliceCounts(outcome.slices),
    cost,
    decision,
    input,
    run,
    selections: selectionsOf(opened.config, opened.record.selectionMetrics),
  });
  const table = [...notes, summaryTable(metrics[scored.part], metrics.differences)].join("\n");
  return { run: resolve(run), table, report: runPaths(folder).report, metrics, cost };
}

/** A bundle as a run. Its data are opened first, so that a bundle that cannot be scored leaves no run behind. */
async function imported(options: EvaluateOptions): Promise<EvaluateOptions> {
  const { run: bundle, out, data, allowPlugins = false, command } = options;
  if (data === undefined)
    throw new RunError(bundle, "is a bundle, which has no data set", "Name a prepared one: --data DATA.");
  if (out === undefined)
    throw new RunError(bundle, "is a bundle", "Name the run folder that is made of it with out.");
  openDataset(data);
  if (!isImportOf(out, bundle))
    await importBundle({ bundle, out, allowPlugins, ...(command === undefined ? {} : { command }) });
  return { ...options, run: out };
}

/** Best weights exist after the first epoch. */
function unfinishedNote({ record }: OpenRun, run: string): string[] {
  if (record.status === "trained") return [];
  const problem = "The training of this run has not ended: the weights that were scored are the best so far.";
  return [`${problem} To continue: slicestack train --resume ${pathWord(run)}`];
}

const NO_PICTURES: Pictures = { examples: [], failures: new Map() };

/** Val, and under the clean protocol what is scored: test, or volumes of another data set. An imported checkpoint has no val. */
function scoredParts({ opened, dataset, volumes }: TestPart, protocol: Protocol): ScoredPart[] {
  const own = opened.task.parts.val;
  const val: ScoredPart[] =
    own.length === 0
      ? []
      : [{ part: "val", volumes: own, table: readSubjectTable(opened.dataset.directory) }];
  if (protocol === "paper") return val;
  return [...val, { part: "test", volumes, table: readSubjectTable(dataset.directory) }];
}

function baselineOptions({ config }: OpenRun, parts: readonly ScoredPart[], { baseline }: EvaluateOptions) {
  return { columns: baseline ?? [], table: parts[0]!.table, seed: config.seed };
}

function settingsOf({ config, task }: OpenRun, { resamples }: EvaluateOptions): SummaryOptions {
  const { names, ordinal } = task.classes;
  const settings = { classes: names, seed: config.seed, ordinal };
  return resamples === undefined ? settings : { ...settings, resamples };
}

/** Only the clean scores on the run's test set are written into the run folder itself; all others go to subfolders. */
function outputFolder(
  run: string,
  external: Dataset | null,
  other: Pick<OtherData, "part" | "mapClasses">,
  protocol: Protocol,
): string {
  const { root } = runPaths(run);
  if (protocol === "paper") return join(root, "paper");
  return external === null ? root : externalFolder(run, external.info, other);
}

function priorsOf({ config, task }: OpenRun) {
  const labels = task.parts.train.map(({ label }) => label);
  return trainedPriors(config, labels, task.classes.count);
}

function runFacts({ config, dataset, split, task }: OpenRun, external: Dataset | null): MetricsFile["run"] {
  const { names, ordinal } = task.classes;
  return {
    name: config.name,
    method: config.method,
    seed: config.seed,
    mainModel: MAIN_MODEL[config.method],
    classes: names,
    ordinal,
    dataset: { name: dataset.info.name, hash: dataset.info.hash },
    splitHash: split.hash,
    external: external === null ? null : { name: external.info.name, hash: external.info.hash },
    labelsShuffled: config.task.shuffleLabels,
  };
}
