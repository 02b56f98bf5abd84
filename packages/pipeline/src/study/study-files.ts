/** The files of an ablation or a learning curve: table, LaTeX, page, results, predictions and figure. */
import { writeFileAtomic } from "../data/atomic.js";
import { writePredictions, type Predictions } from "../evaluate/predictions.js";
import { svgToPng } from "../page/drawing.js";
import { latexOf, markdownOf } from "../report/render-blocks.js";
import { studyPage, type StudyPage } from "../report/study-page.js";

export type StudyFiles = Record<
  "table" | "latex" | "page" | "results" | "predictions" | "svg" | "png",
  string
>;

interface Study extends Pick<StudyPage, "kind" | "title" | "blocks"> {
  /** Heading of the Markdown table. */
  heading: string;
  figure: StudyPage["figures"][number];
  /** The content of the results file, as JSON. */
  results: unknown;
  predictions: readonly Predictions[];
}

/** @param at gives the path of a file for its ending */
export async function writeStudy(at: (ending: string) => string, study: Study): Promise<StudyFiles> {
  const { kind, title, heading, blocks, figure, results, predictions } = study;
  const files: StudyFiles = {
    table: at(".md"),
    latex: at(".tex"),
    page: at(".html"),
    results: at(".json"),
    predictions: at("-predictions.csv"),
    svg: at(".svg"),
    png: at(".png"),
  };
  writePredictions(files.predictions, predictions);
  writeFileAtomic(files.results, `${JSON.stringify(results, null, 2)}\n`);
  writeFileAtomic(files.table, markdownOf(heading, blocks));
  writeFileAtomic(files.latex, latexOf(blocks));
  writeFileAtomic(files.svg, figure.svg);
  writeFileAtomic(files.png, await svgToPng(figure.svg));
  writeFileAtomic(files.page, studyPage({ kind, title, blocks, figures: [figure] }));
  return files;
}
