/** Scores a bundle of several models on a data set: each model as a run, and the mean of their probabilities as predicted. */
import { existsSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { metricSpread, type Estimate, type MetricName } from "@slicestack/stats";
import { claimFolder } from "../data/owned-folder.js";
import { writeFileAtomic } from "../data/atomic.js";
import { fileHashSync } from "../data/hash.js";
import { FolderLock } from "../data/lock.js";
import { makeFolder } from "../data/make-folder.js";
import type { Dataset } from "../data/store.js";
import { inOneSession } from "../engine/session.js";
import type { TaskOptions } from "../engine/task-options.js";
import { analyseJoint, type Analysis } from "../evaluate/analysis/analysis.js";
import { compareModels, type ModelDifference } from "../evaluate/compare/models.js";
import { meanPredictions } from "../evaluate/group/ensemble.js";
import { volumesForSpec, type MatchedVolumes, type OtherData } from "../evaluate/matched-volumes.js";
import { externalFolder } from "../evaluate/output-folder.js";
import { readPredictions, writePredictions, type Predictions } from "../evaluate/predictions.js";
import { MAIN_MODEL } from "../evaluate/run-predictions.js";
import { readSubjectTable, subgroupColumns } from "../evaluate/subject-table.js";
import { summarise, type ModelSummary } from "../evaluate/summary.js";
import { byMetric } from "../evaluate/summary-options.js";
import { calibratedBy } from "../models/decision.js";
import { renderEnsembleReport } from "../report/ensemble-page.js";
import { drawGroupFigures, writeFigures } from "../report/figures/group.js";
import { membersTable } from "../report/group-members.js";
import { summaryTable } from "../report/summary-tables.js";
import { addChecksums, dropChecksums, evaluationFiles } from "../run/checksums.js";
import { RunError, runPaths } from "../run/folder.js";
import { findTrained } from "../trained/find-trained.js";
import type { TrainedMember, TrainedModel } from "../trained/trained-model.js";
import { evaluate, type EvaluateOptions } from "./evaluate.js";
import { importMember, isImportOf } from "./import-bundle.js";

export interface EvaluateEnsembleOptions
  extends
    TaskOptions,
    Pick<
      EvaluateOptions,
      "part" | "mapClasses" | "subgroups" | "images" | "resamples" | "allowPlugins" | "command"
    > {
  /** File of a bundle. */
  bundle: string;
  /** A prepared data set. */
  data: string;
  /** The folder to create, or one that an earlier call made of the same file: a run of each model, and their joint scores. */
  out: string;
}

/** metrics.json of an ensemble. */
export interface EnsembleMetrics extends Pick<Analysis, "pairs" | "curves" | "subgroups"> {
  version: 1;
  bundle: { file: string; sha256: string };
  classes: string[];
  ordinal: boolean;
  dataset: { name: string; hash: string };
  /** `ensemble` first, then the mean of the calibrated probabilities if all models have a calibration, then the models. */
  test: ModelSummary[];
  /** Of the ensemble from each of its models. */
  differences: ModelDifference[];
}

export interface EnsembleEvaluation {
  out: string;
  /** The models with their spread and their joint scores, as text. */
  table: string;
  /** Path of the report. */
  report: string;
  metrics: EnsembleMetrics;
}

const ENSEMBLE = "ensemble";
const CALIBRATED = "ensemble_calibrated";

/**
 * Volumes that any of the models was trained on or chosen by are left out, where that is known.
 * @throws BundleError, RunError, FolderError, LockedError, and all that `evaluate` throws   @throws the signal's reason
 */
export function evaluateEnsemble(options: EvaluateEnsembleOptions): Promise<EnsembleEvaluation> {
  return inOneSession(options, evaluateInSession);
}

async function evaluateInSession(options: EvaluateEnsembleOptions): Promise<EnsembleEvaluation> {
  const { bundle, part = "all", mapClasses = {}, signal, command = "evaluateEnsemble()" } = options;
  const trained = await findTrained(bundle, options);
  const other: OtherData = { directory: resolve(options.data), part, mapClasses };
  const matched = unseenByAll(trained, other);
  const out = resolve(options.out);
  claimFolder(out, "ensemble");
  using _lock = FolderLock.take(out);
  const scored: ScoredModel[] = [];
  for (const [k, member] of trained.members.entries())
    scored.push(await scoreModel(member, k, { ...options, out, command }, { other, matched }));
  signal?.throwIfAborted();

  const { info } = matched.dataset;
  const columns = subgroupColumns(
    readSubjectTable(matched.dataset.directory),
    matched.volumes,
    options.subgroups,
  );
  const facts = { bundle: { file: basename(bundle), sha256: fileHashSync(bundle) }, dataset: info };
  const joint = jointPredictions(scored);
  const metrics = metricsOf(trained, joint, facts, { ...options, columns: columns.columns });
  const paths = runPaths(externalFolder(out, info, other));
  dropChecksums(out, evaluationFiles(relative(out, paths.root)));
  makeFolder(paths.root);
  writePredictions(paths.predictions, joint);
  writeFileAtomic(paths.summary, `${JSON.stringify(metrics, null, 2)}\n`);
  const figures = await drawGroupFigures(metrics, ENSEMBLE);
  await writeFigures(paths.figures, figures);
  const members = membersOf(metrics, scored);
  const notes = [...matched.notes, ...columns.notes];
  const licence = trained.bundle?.licence ?? "not stated";
  const report = { ...matched, metrics, members, figures, command, notes, licence };
  writeFileAtomic(paths.report, renderEnsembleReport(report));
  addChecksums(out);
  const table = [...notes, membersTable(members), "", summaryTable(metrics.test, metrics.differences)];
  return { out, table: table.join("\n"), report: paths.report, metrics };
}

type Unseen = Omit<MatchedVolumes, "leftOut">;

/** The volumes that none of the models has seen. @throws RunError if there are none */
function unseenByAll({ path, members }: TrainedModel, other: OtherData): Unseen {
  const found = members.map(({ spec }) => volumesForSpec(path, spec, other));
  const [first] = found as [MatchedVolumes, ...MatchedVolumes[]];
  const ids = found.map(({ volumes }) => new Set(volumes.map(({ id }) => id)));
  const volumes = first.volumes.filter(({ id }) => ids.every((one) => one.has(id)));
  if (volumes.length === 0)
    throw new RunError(
      path,
      `each volume of ${other.directory} was seen in the training of one of its ${members.length} models`,
      "Choose another data set. Folds without a shared test set are scored as a group: slicestack evaluate GROUP.",
    );
  const leftOut = new Set(found.flatMap((one) => one.volumes.map(({ id }) => id))).size - volumes.length;
  const notes = [...new Set(found.flatMap((one) => one.notes))];
  const total = first.dataset.volumes.length;
  const note = `Scored on ${volumes.length} volumes of ${total} in data set ${first.dataset.info.name}, which none of the ${members.length} models was trained on or chosen by, as far as is known.`;
  return { ...first, volumes, notes: leftOut > 0 || volumes.length < total ? [note, ...notes] : notes };
}

interface ScoredModel {
  name: string;
  member: TrainedMember;
  predictions: Predictions;
}

/** Makes a run of one model and scores it. */
async function scoreModel(
  member: TrainedMember,
  k: number,
  options: EvaluateEnsembleOptions & { command: string },
  { other, matched }: { other: OtherData; matched: Unseen },
): Promise<ScoredModel> {
  const { bundle, out, data, onProgress, command } = options;
  const name = `model${k}`;
  const run = join(out, name);
  if (!isImportOf(run, bundle) || !existsSync(runPaths(run).model))
    await importMember({ member, bundle, out: run, command });
  const { bundle: _, allowPlugins: __, ...shared } = options;
  const { report } = await evaluate({
    ...shared,
    run,
    data,
    part: other.part,
    mapClasses: other.mapClasses,
    only: matched.volumes.map(({ id }) => id),
    ...(onProgress === undefined
      ? {}
      : { onProgress: (progress) => onProgress({ ...progress, stage: `${name} ${progress.stage}` }) }),
  });
  const all = readPredictions(runPaths(dirname(report)).predictions);
  const main = MAIN_MODEL[member.spec.method];
  const predictions = all.find(({ model, part }) => model === main && part === "test")!;
  return { name, member, predictions: { ...predictions, model: name } };
}

/** As `predict` decides: by the mean of the uncalibrated probabilities; the calibrated ones are a mean, too. */
function jointPredictions(scored: readonly ScoredModel[]): Predictions[] {
  const each = scored.map(({ predictions }) => predictions);
  const calibrated = scored.flatMap(({ member: { decision }, predictions }) =>
    decision === null
      ? []
      : [
          {
            ...predictions,
            probabilities: predictions.probabilities.map((row) => calibratedBy(decision, row)),
          },
        ],
  );
  const all = calibrated.length === scored.length;
  return [
    meanPredictions(each, ENSEMBLE),
    ...(all ? [meanPredictions(calibrated, CALIBRATED)] : []),
    ...each,
  ];
}

function metricsOf(
  { members }: TrainedModel,
  predictions: readonly Predictions[],
  { bundle, dataset }: { bundle: EnsembleMetrics["bundle"]; dataset: Dataset["info"] },
  { resamples, columns }: Pick<EvaluateEnsembleOptions, "resamples"> & Pick<Columns, "columns">,
): EnsembleMetrics {
  const { names, ordinal } = members[0]!.spec.classes;
  const options = { classes: names, ordinal, seed: 0, ...(resamples === undefined ? {} : { resamples }) };
  const test = summarise(predictions, options);
  const scored = predictions.filter(({ model }) => model !== CALIBRATED);
  const { pairs, curves, subgroups } = analyseJoint(
    { predictions: scored, summaries: { val: [], test }, mainModel: ENSEMBLE, columns },
    options,
  );
  const [ensemble, ...each] = scored as [Predictions, ...Predictions[]];
  return {
    version: 1,
    bundle,
    classes: [...names],
    ordinal,
    dataset: { name: dataset.name, hash: dataset.hash },
    test,
    differences: each.map((one) => compareModels(ensemble, one, options)),
    pairs,
    curves,
    subgroups,
  };
}

type Columns = ReturnType<typeof subgroupColumns>;

function membersOf({ test }: EnsembleMetrics, scored: readonly ScoredModel[]) {
  const rows = scored.map(({ name, member }) => ({
    name: `${name} (${member.spec.method})`,
    summary: test.find(({ model }) => model === name)!,
  }));
  const values = (metrics: Record<MetricName, Estimate>) => byMetric((name) => metrics[name].value);
  return {
    words: `${scored.length} models of a bundle`,
    combination: { kind: "mean" as const, membersPerVolume: scored.length },
    rows,
    spread: metricSpread(rows.map(({ summary }) => values(summary.metrics))),
  };
}
