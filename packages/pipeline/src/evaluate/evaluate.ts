/** Scores a run on its test part (or on another data set) and writes predictions, metrics, figures and the report. */
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { runInBackground, type BackgroundOptions } from "../background.js";
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
import type { PredictJob, PredictOutcome } from "./worker.js";

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
export async function evaluate({ run, data, onProgress, signal, command }: EvaluateOptions): Promise<EvaluateResult> {
  const opened = openRun(run);
  const external = data === undefined ? undefined : openDataset(data);
  for (const stage of ["slice", "volume"] as const) {
    const file = runPaths(run).best(stage);
    if (!existsSync(file))
      throw new RunError(file, `the ${stage} stage is not trained`, `Go on with: slicestack train --resume ${run}`);
  }
  const folder = external === undefined ? runPaths(run).root : join(runPaths(run).root, "external", external.info.name);
  mkdirSync(folder, { recursive: true });
  const job: PredictJob = { run: resolve(run), other: external?.directory ?? null };
  const background = {
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  };
  const { predictions, evidence } = await runInBackground<PredictJob, PredictOutcome>(
    new URL("./worker.js", import.meta.url),
    job,
    background,
  );
  signal?.throwIfAborted();

  const testVolumes = external === undefined ? opened.task.parts.test : allTaskVolumes(opened.config, external);
  const all = [...baselines(opened, testVolumes), ...predictions];
  const paths = { ...runPaths(folder), metrics: runPaths(run).metrics };
  writePredictions(paths.predictions, all);
  // Only the run's own test part can be used up.
  const record = readRecord(run);
  const testReads = record.testReads + (external === undefined ? 1 : 0);
  if (external === undefined) writeRecord(run, { ...record, testReads });

  const { names } = opened.task.classes;
  const options = { classes: names, seed: opened.config.seed, ordinal: names.length > 2 };
  const of = (part: "val" | "test") => all.filter((one) => one.part === part);
  onProgress?.({ stage: "statistics", done: 0, total: 2, unit: "parts" });
  const [val, test] = [summarise(of("val"), options), summarise(of("test"), options)];
  onProgress?.({ stage: "statistics", done: 2, total: 2, unit: "parts" });
  const differences = comparisons(of("test"), options);
  writeFileAtomic(paths.summary, `${JSON.stringify({ test, val, differences }, null, 2)}\n`);

  const figures = await drawFigures(test, differences, readTrainingRows(paths.metrics));
  mkdirSync(paths.figures, { recursive: true });
  for (const { name, svg } of figures) {
    writeFileAtomic(join(paths.figures, `${name}.svg`), svg);
    writeFileAtomic(join(paths.figures, `${name}.png`), await svgToPng(svg));
  }
  const main = of("test").find(({ model }) => model === "2.5d");
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

function comparisons(test: readonly Predictions[], options: Parameters<typeof compareModels>[2]): ModelDifference[] {
  const named = (model: string) => test.find((one) => one.model === model);
  const main = named("2.5d");
  return ["2d_vote", "shortcut"].flatMap((model) => {
    const other = named(model);
    return main === undefined || other === undefined ? [] : [compareModels(main, other, options)];
  });
}

function windowOf({ config, dataset }: OpenRun): [number, number] {
  return config.transform.window ?? dataset.info.range;
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
    mainModel: "2.5d",
    ...(examples.length === 0 ? {} : { examples }),
    config: configToYaml(config),
    environment: { ...record.versions, ...record.environment },
    warnings: [
      ...split.warnings,
      ...(info.quarantined ?? []).map(({ source, reason }) => `${source} was quarantined: ${reason}`),
    ],
  };
}
