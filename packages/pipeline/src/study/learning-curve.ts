/**
 * Learning curve: the variants of an ablation are trained on growing shares of the labelled volumes and scored on the same
 * other volumes. Everything is kept in its folder: if it is killed, the next call continues.
 */
import { fitPowerLaw, type MetricName, METRICS } from "@slicestack/stats";
import { areOrdinal } from "../config/classes.js";
import { join, resolve } from "node:path";
import { SplitError } from "../data/errors.js";
import { FolderLock } from "../data/lock.js";
import { openDataset } from "../data/store.js";
import { compareRepeated } from "../evaluate/compare/repeated.js";
import { readRecord } from "../run/folder.js";
import { splitsOf } from "../train/choose-split.js";
import { curveFigure } from "./curve-figure.js";
import { terminalOf } from "../report/render-blocks.js";
import { curveBlocks } from "./curve-table.js";
import { usePluginsOfStudy, loadAblation, type Ablation } from "./ablation-file.js";
import { writeStudy, type StudyFiles } from "./study-files.js";
import {
  claimStudy,
  methodsOf,
  minutesOf,
  predictSteps,
  trainSteps,
  type StudyOptions,
} from "./run-steps.js";
import { stepsOf } from "./study-steps.js";
import { inOneSession } from "../engine/session.js";
import type { CurvePoint, CurveFit, LearningCurve } from "./learning-curve-results.js";

/** A tenth, a quarter, a half, all. */
export const SHARES = [0.1, 0.25, 0.5, 1] as const;

export interface LearningCurveOptions extends StudyOptions {
  /** Shares of the labelled training subjects, each above 0 and at most 1; default SHARES. */
  shares?: readonly number[];
  /** Smaller shares use the slice stage of the largest one, which shows the value of labelled slices when few volumes are labelled. */
  slicesOfAll?: boolean;
}

export interface LearningCurveResult {
  status: "finished" | "stopped";
  /** The aligned table for a terminal. */
  table: string;
  curve: LearningCurve | null;
  /** Files that were written. */
  files: StudyFiles | null;
}

/** Metrics whose best value is 1 and whose error, 1 - metric, falls towards 0. */
const RISING: ReadonlySet<MetricName> = new Set(
  METRICS.filter((name) => !/error|likelihood|brier|riskcoverage/i.test(name)),
);

/**
 * An abort of the signal ends after the current step of training, with status "stopped"; the same call continues from there.
 * @throws ConfigError, FolderError, RunError, DatasetError, SplitError, LockedError, and what training and prediction throw
 */
export function learningCurve(options: LearningCurveOptions): Promise<LearningCurveResult> {
  return inOneSession(options, learningCurveInSession);
}

async function learningCurveInSession(options: LearningCurveOptions): Promise<LearningCurveResult> {
  const { part = "val", slicesOfAll = false, command = "learningCurve() of @slicestack/pipeline" } = options;
  const shares = [...new Set(options.shares ?? SHARES)].sort((a, b) => b - a);
  if (shares.length < 2)
    throw new SplitError(
      `shares: expected at least two, received ${shares.join(", ") || "none"}`,
      "0.25 0.5 1 is usual.",
    );
  await usePluginsOfStudy(options.file);
  const ablation = loadAblation(options.file);
  const dataset = openDataset(options.data);
  const [out, data] = [resolve(options.out), resolve(options.data)];
  const splits = splitsOf(dataset, ablation.variants[0]!.config);
  const steps = stepsOf(ablation, dataset, splits, out, { shares, slicesOfAll });
  claimStudy(out, steps);
  using _lock = FolderLock.take(out);
  const status = await trainSteps(steps, { out, data, command }, options);
  if (status === "stopped") return { status, table: "", curve: null, files: null };
  const predictions = await predictSteps(steps, options);

  const classes = readRecord(steps[0]!.run).classes;
  const { seed } = ablation.variants[0]!.config;
  const statistics = {
    classes,
    ordinal: areOrdinal(ablation.variants[0]!.config.task.ordinal, classes),
    seed,
    reference: ablation.main,
  };
  const rising = [...shares].reverse().map((share) => {
    const of = predictions.filter(({ step }) => step.share === share);
    const methods = methodsOf(ablation, of);
    const volumes = of.reduce((sum, { step }) => sum + step.trainVolumes, 0) / of.length;
    const minutes = ablation.variants.map(({ name }) =>
      minutesOf(of.flatMap(({ step }) => (step.variant.name === name ? [step] : []))),
    );
    return {
      share,
      volumes,
      methods,
      minutes,
      comparison: compareRepeated(methods, ablation.metrics, statistics),
    };
  });
  const points = rising.map(({ methods: _, ...point }): CurvePoint => point);
  const curve: LearningCurve = { ablation, part, slicesOfAll, points, fits: fitsOf(ablation, points) };
  const figure = await curveFigure(curve);
  const blocks = curveBlocks(curve, { dataset: dataset.info, splits, command });
  const title = `${ablation.name}: learning curve on ${part}`;
  const stem = `curve-${part}${slicesOfAll ? "-all-slices" : ""}`;
  const files = await writeStudy((ending) => join(out, `${stem}${ending}`), {
    kind: "learning curve",
    title,
    heading: title,
    blocks,
    figure,
    results: {
      part,
      slicesOfAll,
      splits: splits.map(({ hash }) => hash),
      dataset: dataset.info.hash,
      seeds: ablation.seeds,
      points,
      fits: curve.fits,
    },
    predictions: rising.flatMap(({ share, methods }) =>
      methods.flatMap(({ name, seeds }) =>
        seeds.map((one, k) => ({ ...one, model: `${name}@${share}#${k}` })),
      ),
    ),
  });
  return { status, table: terminalOf(title, blocks), curve, files };
}

function fitsOf(ablation: Ablation, points: readonly CurvePoint[]): CurveFit[] {
  if (new Set(points.map(({ volumes }) => volumes)).size < 3) return [];
  return ablation.variants.flatMap(({ name: variant }) =>
    ablation.metrics.flatMap((metric): CurveFit[] => {
      const values = points.flatMap(({ volumes, comparison }) => {
        const scores = comparison.methods.find(({ name }) => name === variant)!.metrics[metric];
        return (scores?.values ?? []).map((value) => ({ volumes, error: 1 - value }));
      });
      if (!RISING.has(metric) || values.length === 0 || values.some(({ error }) => !Number.isFinite(error)))
        return [];
      return [
        {
          variant,
          metric,
          fit: fitPowerLaw(
            values.map(({ volumes }) => volumes),
            values.map(({ error }) => error),
          ),
        },
      ];
    }),
  );
}
