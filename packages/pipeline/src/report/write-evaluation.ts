/** Writes all files of an evaluation into its folder. */

import { join, relative } from "node:path";
import { makeFolder } from "../data/make-folder.js";
import { writeFileAtomic } from "../data/atomic.js";
import { csvText } from "../data/csv.js";
import { svgToPng } from "../page/drawing.js";
import { addChecksums, dropChecksums, evaluationFiles } from "../run/checksums.js";
import { runPaths } from "../run/folder.js";
import type { SliceCounts } from "../evaluate/analysis/slice-votes.js";
import type { CostReport } from "../evaluate/cost.js";
import { drawFigures } from "./figures/all.js";
import { metricsText, type MetricsFile } from "../evaluate/metrics-file.js";
import { writePredictions, type Predictions } from "../evaluate/predictions.js";
import { writeDecision, type Decision } from "../models/decision.js";
import { checklist } from "./checklist.js";
import type { ReportDraft } from "./report-of-run.js";
import { latexTables, markdownTables } from "./export-tables.js";
import { modelCard } from "./model-card.js";
import { renderReport } from "./report.js";
import type { Selections } from "../run/epoch-selection.js";
import { readTrainingRows } from "../run/training-rows.js";

export interface Evaluation {
  metrics: MetricsFile;
  predictions: readonly Predictions[];
  slices: readonly SliceCounts[];
  cost: CostReport;
  input: ReportDraft;
  selections: Selections;
  /** null where the run's own test part was not what was scored. */
  decision: Decision | null;
  /** The run folder, which has the training curves. */
  run: string;
}

export async function writeEvaluation(folder: string, evaluation: Evaluation): Promise<void> {
  const { metrics, predictions, slices, cost, decision, run, selections } = evaluation;
  const paths = runPaths(folder);
  dropChecksums(run, evaluationFiles(relative(runPaths(run).root, paths.root)));
  writePredictions(paths.predictions, predictions);
  if (slices.length > 0) writeFileAtomic(join(folder, "slice_votes.csv"), sliceVotesText(slices));
  writeFileAtomic(paths.summary, metricsText(metrics));
  if (decision !== null) writeDecision(paths.decision, decision);
  writeFileAtomic(join(folder, "cost.json"), `${JSON.stringify(cost, null, 2)}\n`);

  const training = readTrainingRows(runPaths(run).metrics);
  const { models, differences, flow } = evaluation.input;
  const figures = await drawFigures({
    summaries: models,
    differences,
    training,
    selections,
    analysis: metrics,
    ...(flow === null ? {} : { flow }),
  });
  makeFolder(paths.figures);
  for (const { name, svg } of figures) {
    writeFileAtomic(join(paths.figures, `${name}.svg`), svg);
    writeFileAtomic(join(paths.figures, `${name}.png`), await svgToPng(svg));
  }
  const input = { ...evaluation.input, figures };
  writeFileAtomic(join(folder, "tables.md"), markdownTables(input));
  writeFileAtomic(join(folder, "tables.tex"), latexTables(input));
  writeFileAtomic(join(folder, "model-card.md"), modelCard(input));
  writeFileAtomic(join(folder, "checklist.md"), checklist(input));
  writeFileAtomic(paths.report, renderReport(input));
  addChecksums(run);
}

/** slice_votes.csv: `part,id,label,slices,n_0,...`: how many slices of each volume were predicted as each class. */
export function sliceVotesText(parts: readonly SliceCounts[]): string {
  const classes = parts[0]!.counts[0]?.length ?? 0;
  const header = ["part", "id", "label", "slices", ...Array.from({ length: classes }, (_, c) => `n_${c}`)];
  const rows = parts.flatMap(({ part, ids, labels, counts }) =>
    ids.map((id, k) => {
      const sliceCounts = counts[k]!;
      return [part, id, labels[k]!, sliceCounts.reduce((a, b) => a + b, 0), ...sliceCounts].map(String);
    }),
  );
  return csvText([header, ...rows]);
}
