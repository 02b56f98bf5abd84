/** Several runs on the same test subjects: one table, one forest plot, every pair tested. */
import { existsSync, mkdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { writeFileAtomic } from "../../data/atomic.js";
import { svgToPng } from "../../page/drawing.js";
import { runPaths } from "../../run/folder.js";
import { headlines } from "../analysis/headlines.js";
import { PredictionsError, ShapeError } from "../errors.js";
import { comparisonFigure } from "../figures/comparison.js";
import { readMetrics, type MetricsFile } from "../metrics-file.js";
import type { MetricName } from "../metrics/scorer.js";
import type { SummaryOptions } from "../options.js";
import { readPredictions, type Predictions } from "../predictions.js";
import { comparisonPage } from "../report/comparison-page.js";
import { comparisonLatex, comparisonMarkdown, comparisonText } from "../report/comparison-tables.js";
import { summarise, type ModelSummary } from "../summary.js";
import { compareAllPairs, type AllPairs } from "./all-pairs.js";

export interface CompareOptions {
  /** Run folders that `evaluate` has scored; two at least. */
  runs: readonly string[];
  /** Folder for table, figure and page. */
  out: string;
  /** The model of each run that is compared; default the one that each run is about. */
  model?: string;
  /** The metric that the differences are drawn of; default balanced accuracy. Name it before looking. */
  metric?: MetricName;
  /** Default 2000. */
  resamples?: number;
  command?: string;
}

export interface RunComparison {
  /** What was compared, in the order given; `name` is what tables call it. */
  runs: { name: string; folder: string; model: string }[];
  classes: string[];
  metric: MetricName;
  summaries: ModelSummary[];
  pairs: AllPairs;
  /** What a reader must know: of other data preparations, splits, several volumes a subject. */
  notes: string[];
}

export interface CompareResult extends RunComparison {
  table: string;
  /** Path of the page. */
  page: string;
}

interface Scored {
  name: string;
  folder: string;
  metrics: MetricsFile;
  predictions: Predictions;
}

/**
 * @throws RunError for a run that was not scored; PredictionsError where test sets, subjects, labels or classes differ,
 *   naming the difference; ShapeError for fewer than two runs
 */
export async function compareRuns(options: CompareOptions): Promise<CompareResult> {
  const { runs, out, metric = "balancedAccuracy" } = options;
  if (runs.length < 2) throw new ShapeError("compare: runs", "at least two", String(runs.length));
  const scored = named(runs.map((run) => scoredRun(run, options.model)));
  for (const other of scored.slice(1)) checkSameTest(scored[0]!, other);
  const first = scored[0]!.metrics.run;
  const statistics: SummaryOptions = {
    classes: first.classes,
    seed: first.seed,
    ordinal: first.ordinal,
    ...(options.resamples === undefined ? {} : { resamples: options.resamples }),
  };
  const models = scored.map(({ name, predictions }) => ({ ...predictions, model: name }));
  const pairs = compareAllPairs(models, [...new Set([...headlines(first.ordinal), metric])], statistics);
  const comparison: RunComparison = {
    runs: scored.map(({ name, folder, predictions }) => ({ name, folder, model: predictions.model })),
    classes: first.classes,
    metric,
    summaries: summarise(models, statistics),
    pairs,
    notes: [...notesOf(scored), ...pairs.notes],
  };
  const page = await write(resolve(out), comparison, options.command ?? "compareRuns() of @slicestack/pipeline");
  return { ...comparison, table: comparisonText(comparison), page };
}

function scoredRun(run: string, model: string | undefined): Scored {
  const paths = runPaths(run);
  const metrics = readMetrics(paths.summary);
  if (!existsSync(paths.predictions)) throw new PredictionsError("not found; score the run again", paths.predictions);
  const all = readPredictions(paths.predictions).filter(({ part }) => part === "test");
  const wanted = model ?? metrics.run.mainModel;
  const predictions = all.find((one) => one.model === wanted);
  if (predictions === undefined) {
    const there = all.map((one) => one.model).join(", ");
    throw new PredictionsError(`holds no model ${wanted} on test; it has ${there}`, paths.predictions);
  }
  return { name: metrics.run.name, folder: paths.root, metrics, predictions };
}

/** Runs by their name; where two share it, by their folder too. */
function named(scored: Scored[]): Scored[] {
  const count = (name: string) => scored.filter((one) => one.name === name).length;
  const byFolder = scored.map((one) => (count(one.name) > 1 ? { ...one, name: basename(one.folder) } : one));
  const unique = new Set(byFolder.map(({ name }) => name)).size === byFolder.length;
  return unique ? byFolder : byFolder.map((one) => ({ ...one, name: one.folder }));
}

/** @throws PredictionsError that says what differs */
function checkSameTest(first: Scored, other: Scored): void {
  const pair = `${first.folder} and ${other.folder} cannot be compared`;
  const [a, b] = [first.metrics.run.classes, other.metrics.run.classes];
  if (a.join("\n") !== b.join("\n"))
    throw new PredictionsError(`${pair}: the classes are ${a.join(", ")} in one, ${b.join(", ")} in the other`);
  const rowOf = new Map(other.predictions.ids.map((id, i) => [id, i]));
  const own = new Set(first.predictions.ids);
  const onlyFirst = first.predictions.ids.filter((id) => !rowOf.has(id));
  const onlyOther = other.predictions.ids.filter((id) => !own.has(id));
  if (onlyFirst.length + onlyOther.length > 0)
    throw new PredictionsError(
      `${pair}: their test sets differ. ${onlyIn(first, onlyFirst)}; ${onlyIn(other, onlyOther)}. ` +
        `Train them with one split: slicestack split DATA, then train both with --data DATA`,
    );
  first.predictions.ids.forEach((id, i) => {
    const j = rowOf.get(id)!;
    for (const what of ["labels", "subjects"] as const)
      if (first.predictions[what][i] !== other.predictions[what][j])
        throw new PredictionsError(
          `${pair}: test volume ${id} has the ${what.slice(0, -1)} ${first.predictions[what][i]} in one, ${other.predictions[what][j]} in the other`,
        );
  });
}

function onlyIn({ name }: Scored, ids: readonly string[]): string {
  const shown = ids.slice(0, 5).join(", ") + (ids.length > 5 ? ", …" : "");
  return `${ids.length} volumes only in ${name}${ids.length === 0 ? "" : ` (${shown})`}`;
}

function notesOf(scored: readonly Scored[]): string[] {
  const differing = (of: (metrics: MetricsFile) => string) =>
    new Set(scored.map(({ metrics }) => of(metrics))).size > 1;
  const shuffled = scored.filter(({ metrics }) => metrics.run.labelsShuffled).map(({ name }) => name);
  return [
    `Choosing the best of ${scored.length} runs by this table makes its score too good: choose on val, or confirm on new data.`,
    ...(differing(({ run }) => run.dataset.hash)
      ? ["The runs see differently prepared data: ids, subjects and labels of the test volumes agree, their voxels need not."] // prettier-ignore
      : []),
    ...(differing(({ run }) => run.splitHash)
      ? ["The runs have different splits with the same test part: they were not trained on the same subjects."]
      : []),
    ...shuffled.map((name) => `${name} is a control that was trained on shuffled labels.`),
  ];
}

async function write(folder: string, comparison: RunComparison, command: string): Promise<string> {
  const figure = await comparisonFigure(comparison);
  mkdirSync(folder, { recursive: true });
  const at = (name: string) => join(folder, name);
  writeFileAtomic(at("comparison.json"), `${JSON.stringify(comparison, null, 2)}\n`);
  writeFileAtomic(at("comparison.md"), comparisonMarkdown(comparison));
  writeFileAtomic(at("comparison.tex"), comparisonLatex(comparison));
  writeFileAtomic(at("comparison.svg"), figure.svg);
  writeFileAtomic(at("comparison.png"), await svgToPng(figure.svg));
  writeFileAtomic(at("comparison.html"), comparisonPage(comparison, figure, command));
  return at("comparison.html");
}
