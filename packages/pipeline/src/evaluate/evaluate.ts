/** Scores a run on its test part (or on another data set) and writes predictions, metrics, figures and the report. */
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { backgroundOf, runInBackground, type BackgroundOptions } from "../background.js";
import { stagesOf } from "../config/stages.js";
import { configToYaml } from "../config/to-yaml.js";
import { writeFileAtomic } from "../data/atomic.js";
import { allTaskVolumes, type TaskVolume } from "../data/task.js";
import { openDataset, type Dataset } from "../data/store.js";
import { readRecord, RunError, runPaths, writeRecord } from "../run/folder.js";
import { openRun, type OpenRun } from "../run/open.js";
import { majorityBaseline } from "./baselines/prior.js";
import { shortcutBaseline } from "./baselines/shortcut.js";
import { svgToPng } from "../page/drawing.js";
import { exampleSlices } from "./report/examples.js";
import { drawFigures } from "./figures/all.js";
import { predictionKeys, writePredictions, type Predictions } from "./predictions.js";
import { countPart, renderReport, type ReportInput } from "./report/report.js";
import { compareModels, type ModelDifference } from "./compare/models.js";
import { summarise, type ModelSummary } from "./summary.js";
import { summaryTable } from "./report/tables.js";
import { readTrainingRows } from "./training-rows.js";
import type { RunConfig } from "../config/types.js";
import { sliceEvidence, voteBy } from "./votes/vote.js";
import type { PredictJob, PredictOutcome, SlicePredictions } from "./worker.js";

export interface EvaluateOptions extends BackgroundOptions {
  /** Run folder. */
  run: string;
  /** Another prepared data set, all of it taken as test: external validation. */
  data?: string;
  command?: string;
}

export interface EvaluateResult {
  run: string;
  /** The models with their intervals, as text. */
  table: string;
  /** Path of the report. */
  report: string;
  metrics: { test: ModelSummary[]; val: ModelSummary[]; differences: ModelDifference[] };
}

/**
 * An abort of the signal ends before anything is written.
 * @throws RunError, DatasetError, SplitError, CheckpointError, LibtorchNotFoundError   @throws the signal's reason
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluateResult> {
  const { run, data, onProgress, signal, command } = options;
  const opened = openRun(run);
  const external = data === undefined ? undefined : openDataset(data);
  for (const stage of stagesOf(opened.config)) {
    const file = runPaths(run).best(stage);
    if (!existsSync(file))
      throw new RunError(file, `the ${stage} stage is not trained`, `Go on with: slicestack train --resume ${run}`);
  }
  const folder = external === undefined ? runPaths(run).root : join(runPaths(run).root, "external", external.info.name);
  mkdirSync(folder, { recursive: true });
  const job: PredictJob = { run: resolve(run), other: external?.directory ?? null, parts: ["val", "test"] };
  const outcome = await runInBackground<PredictJob, PredictOutcome>(
    new URL("./worker.js", import.meta.url),
    job,
    backgroundOf(options),
  ).finally(() => signal?.throwIfAborted());

  const testVolumes = external === undefined ? opened.task.parts.test : allTaskVolumes(opened.config, external);
  const votes = votesOf(opened, outcome.slices, testVolumes);
  const all = [...baselines(opened, testVolumes), ...votes, ...outcome.predictions];
  const paths = { ...runPaths(folder), metrics: runPaths(run).metrics };
  writePredictions(paths.predictions, all);
  // Only the run's own test part can be used up.
  const record = readRecord(run);
  const testReads = record.testReads + (external === undefined ? 1 : 0);
  if (external === undefined) writeRecord(run, { ...record, testReads });

  const { names } = opened.task.classes;
  const settings = { classes: names, seed: opened.config.seed, ordinal: names.length > 2 };
  const of = (part: "val" | "test") => all.filter((one) => one.part === part);
  onProgress?.({ stage: "statistics", done: 0, total: 2, unit: "parts" });
  const [val, test] = [summarise(of("val"), settings), summarise(of("test"), settings)];
  onProgress?.({ stage: "statistics", done: 2, total: 2, unit: "parts" });
  const mainModel = MAIN[opened.config.method];
  const differences = comparisons(of("test"), mainModel, settings);
  writeFileAtomic(paths.summary, `${JSON.stringify({ test, val, differences }, null, 2)}\n`);

  const figures = await drawFigures(test, differences, readTrainingRows(paths.metrics));
  mkdirSync(paths.figures, { recursive: true });
  for (const { name, svg } of figures) {
    writeFileAtomic(join(paths.figures, `${name}.svg`), svg);
    writeFileAtomic(join(paths.figures, `${name}.png`), await svgToPng(svg));
  }
  const main = of("test").find(({ model }) => model === mainModel);
  const evidence = evidenceOf(mainModel, outcome, main);
  const dataset = external ?? opened.dataset;
  const examples =
    main === undefined
      ? []
      : exampleSlices(dataset, testVolumes, { main, evidence, classes: names, window: windowOf(opened) });
  const input = reportInput(opened, dataset, testVolumes, {
    test,
    differences,
    figures,
    examples,
    testReads,
    command: command ?? record.command,
  });
  writeFileAtomic(
    paths.report,
    renderReport(external === undefined ? input : { ...input, title: `${input.title} on ${external.info.name}` }),
  );
  return {
    run: resolve(run),
    table: summaryTable(test, differences),
    report: paths.report,
    metrics: { test, val, differences },
  };
}

/** What every model must beat: the majority class, and a regression on numbers that need no look at the slices. */
function baselines({ task }: OpenRun, test: readonly TaskVolume[]): Predictions[] {
  const { train, val } = task.parts;
  const classes = task.classes.count;
  const labels = train.map(({ label }) => label);
  return (["val", "test"] as const).flatMap((part) => {
    const volumes = part === "val" ? val : test;
    const facts = { part, ...predictionKeys(volumes) };
    return [
      { model: "majority", ...facts, probabilities: majorityBaseline(labels, classes, volumes.length) },
      {
        model: "shortcut",
        ...facts,
        probabilities: shortcutBaseline({ volumes: train, labels }, volumes, classes).probabilities,
      },
    ];
  });
}

/** What each method is about. */
const MAIN: Record<RunConfig["method"], string> = { "2d": "2d_vote", "2.5d": "2.5d", "3d": "3d" };

function comparisons(
  test: readonly Predictions[],
  mainModel: string,
  options: Parameters<typeof compareModels>[2],
): ModelDifference[] {
  const named = (model: string) => test.find((one) => one.model === model);
  const main = named(mainModel);
  return ["2d_vote", "2.5d_frozen", "shortcut"].flatMap((model) => {
    const other = model === mainModel ? undefined : named(model);
    return main === undefined || other === undefined ? [] : [compareModels(main, other, options)];
  });
}

/** The slices' vote on both parts, by the rule of the configuration; what it chooses, it chooses on val. */
export function votesOf(
  { config, task }: Pick<OpenRun, "config" | "task">,
  slices: readonly SlicePredictions[],
  test: readonly TaskVolume[],
): Predictions[] {
  const { vote, voteK: k } = config.slice;
  const val = slices.find(({ part }) => part === "val");
  if (val === undefined) return [];
  const voters = { slices: sliceRows(val), labels: val.labels };
  return slices.map((one) => {
    const volumes = one.part === "val" ? task.parts.val : test;
    const { probabilities } = voteBy(vote, { val: voters, volumes: sliceRows(one), k });
    return { model: "2d_vote", part: one.part, ...predictionKeys(volumes), probabilities };
  });
}

/** What the slices of each volume say: volumes x slices x classes. */
function sliceRows({ counts, probabilities }: SlicePredictions): Float32Array[][] {
  const classes = probabilities.length / counts.reduce((sum, count) => sum + count, 0);
  let next = 0;
  const row = () => probabilities.subarray(next * classes, ++next * classes);
  return counts.map((count) => Array.from({ length: count }, row));
}

/** The main model's slice weights; where slices vote, what each says for the decision. */
function evidenceOf(mainModel: string, { evidence, slices }: PredictOutcome, main: Predictions | undefined) {
  const test = slices.find(({ part }) => part === "test");
  if (mainModel !== "2d_vote" || test === undefined || main === undefined) return evidence;
  const rows = sliceRows(test);
  return evidence.map((one, k) => ({
    ...one,
    weights: sliceEvidence(rows[k]!, main.probabilities[k]!),
    word: "slice probability",
  }));
}

function windowOf({ config, dataset }: OpenRun): [number, number] {
  return config.transform.window ?? config.transform.windows?.[0] ?? dataset.info.range;
}

type Results = Pick<ReportInput, "differences" | "figures" | "testReads" | "command"> & {
  test: ModelSummary[];
  examples: NonNullable<ReportInput["examples"]>;
};

function reportInput(
  opened: OpenRun,
  dataset: Dataset,
  testVolumes: readonly TaskVolume[],
  results: Results,
): ReportInput {
  const { config, record, split, task } = opened;
  const { names, count } = task.classes;
  const { info } = dataset;
  const { test, examples, ...rest } = results;
  const rows = (volumes: readonly TaskVolume[]) => volumes.map(({ subject, label }) => ({ subject, label }));
  const depth = info.depth === "native" ? "native depth" : `${info.depth} slices`;
  return {
    ...rest,
    title: config.name,
    created: new Date().toISOString(),
    task: { description: `${count} classes: ${names.join(", ")}`, classes: names, ordinal: count > 2 },
    dataset: {
      name: info.name,
      hash: info.hash,
      contents: `${info.count} volumes, ${depth} of ${info.height} x ${info.width}, ${info.dtype}${info.unit === "HU" ? ", HU" : ""}`,
    },
    split: {
      seed: split.seed,
      hash: split.hash,
      parts: [
        countPart("train", rows(task.parts.train), count),
        countPart("val", rows(task.parts.val), count),
        countPart("test", rows(testVolumes), count),
      ],
    },
    models: test,
    mainModel: MAIN[config.method],
    ...(examples.length === 0 ? {} : { examples }),
    config: configToYaml(config),
    environment: { ...record.versions, ...record.environment },
    warnings: [
      ...split.warnings,
      ...(info.quarantined ?? []).map(({ source, reason }) => `${source} was quarantined: ${reason}`),
    ],
  };
}
