/** Several runs or groups on the same test subjects: one table, one forest plot, every pair tested. */
import { join, resolve } from "node:path";
import { type MetricName, ShapeError } from "@slicestack/stats";
import { writeFileAtomic } from "../data/atomic.js";
import { claimFolder, refuseForeign } from "../data/owned-folder.js";
import type { RunComparison } from "../evaluate/compare/comparison.js";
import { comparisonOf } from "../evaluate/compare/scored-runs.js";
import { svgToPng } from "../page/drawing.js";
import { comparisonPage } from "../report/comparison-page.js";
import { comparisonLatex, comparisonMarkdown, comparisonText } from "../report/comparison-tables.js";
import { comparisonFigure } from "../report/figures/comparison.js";

export interface CompareOptions {
  /** Folders of at least two runs or groups that `evaluate` has scored. */
  runs: readonly string[];
  /** Folder for table, figure and page. */
  out: string;
  /** The model of each run to compare; default: the main model of each run. */
  model?: string;
  /** The metric whose differences are plotted; default balanced accuracy. Choose it before you look at the results. */
  metric?: MetricName;
  /** Default 2000. */
  resamples?: number;
  command?: string;
}

export interface CompareResult extends RunComparison {
  table: string;
  /** Path of the page. */
  page: string;
}

/**
 * @throws FolderError if `out` holds something else; RunError for a run that was not scored; PredictionsError where test
 *   sets, subjects, labels or classes differ, naming the difference; ShapeError for fewer than two runs
 */
export async function compareRuns(options: CompareOptions): Promise<CompareResult> {
  const { runs, out, metric = "balancedAccuracy" } = options;
  refuseForeign(resolve(out), "pictures");
  if (runs.length < 2) throw new ShapeError("compare: runs", "at least two", String(runs.length));
  const comparison = comparisonOf({
    runs,
    metric,
    ...(options.model === undefined ? {} : { model: options.model }),
    ...(options.resamples === undefined ? {} : { resamples: options.resamples }),
  });
  const page = await write(
    resolve(out),
    comparison,
    options.command ?? "compareRuns() of @slicestack/pipeline",
  );
  return { ...comparison, table: comparisonText(comparison), page };
}

async function write(folder: string, comparison: RunComparison, command: string): Promise<string> {
  const figure = await comparisonFigure(comparison);
  claimFolder(resolve(folder), "pictures");
  const at = (name: string) => join(folder, name);
  writeFileAtomic(at("comparison.json"), `${JSON.stringify(comparison, null, 2)}\n`);
  writeFileAtomic(at("comparison.md"), comparisonMarkdown(comparison));
  writeFileAtomic(at("comparison.tex"), comparisonLatex(comparison));
  writeFileAtomic(at("comparison.svg"), figure.svg);
  writeFileAtomic(at("comparison.png"), await svgToPng(figure.svg));
  writeFileAtomic(at("comparison.html"), comparisonPage(comparison, figure, command));
  return at("comparison.html");
}
