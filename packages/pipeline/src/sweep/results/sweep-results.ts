/**
 * `sweep results`: writes the leaderboard, effects and figures of a sweep as tables and one page, and the best
 * configuration.
 */

import { join } from "node:path";
import { makeFolder } from "../../data/make-folder.js";
import { writeFileAtomic } from "../../data/atomic.js";
import { csvText } from "../../data/csv.js";
import { configToYaml } from "../../config/to-yaml.js";
import { studyPage } from "../../report/study-page.js";
import { terminalOf } from "../../report/render-blocks.js";
import { locateSweep, type SweepTarget } from "../begin.js";
import { SweepError } from "../errors.js";
import { Sweep } from "../sweep.js";
import { csvRows, resultBlocks } from "./blocks.js";
import { sweepFigures } from "./figures.js";
import { outcomeOf, type SweepOutcome } from "./outcome.js";

export interface SweepResults {
  outcome: SweepOutcome;
  /** For a terminal. */
  text: string;
  /** `best` is null if no point is finished. */
  files: { page: string; leaderboard: string; results: string; figures: string[]; best: string | null };
}

/**
 * Reads the results of the trials, also while a sweep is running. Only the validation set is used.
 * @throws SweepError if no sweep has been started there; ConfigError, PluginError
 */
export async function sweepResults(
  given: string,
  {
    command = "sweepResults() of @slicestack/pipeline",
    ...target
  }: Pick<SweepTarget, "out"> & { command?: string } = {},
): Promise<SweepResults> {
  const located = locateSweep(given, target);
  if (!located.isBegun)
    throw new SweepError(
      located.folder,
      "no sweep has been started there",
      "Pass the folder of a sweep that has been started.",
    );
  const sweep = await Sweep.open(located.folder);
  const outcome = outcomeOf(sweep);
  const blocks = resultBlocks(outcome, command);
  const drawn = await sweepFigures(outcome);
  const folder = sweep.paths.results;
  makeFolder(folder);
  const at = (name: string) => join(folder, name);
  const figures = Object.entries(drawn).map(([name, { svg }]) => {
    writeFileAtomic(at(`${name}.svg`), svg);
    return at(`${name}.svg`);
  });
  const title = `${outcome.name}, validation`;
  writeFileAtomic(at("leaderboard.csv"), csvText(csvRows(outcome)));
  writeFileAtomic(at("results.json"), `${JSON.stringify(jsonOf(outcome), null, 2)}\n`);
  writeFileAtomic(
    at("results.html"),
    studyPage({ kind: "sweep", title, blocks, figures: Object.values(drawn) }),
  );
  const best = outcome.best === null ? null : at("best.yaml");
  if (best !== null) writeFileAtomic(best, bestYaml(sweep, outcome));
  return {
    outcome,
    text: terminalOf(title, blocks),
    files: {
      page: at("results.html"),
      leaderboard: at("leaderboard.csv"),
      results: at("results.json"),
      figures,
      best,
    },
  };
}

/** The configuration of a point with the first seed and the sweep's name, to train it again or on other data. */
function bestYaml(sweep: Sweep, { best, pickedFrom, objective }: SweepOutcome): string {
  const { point, objective: value } = best!;
  const config = sweep.base.configOf({
    ...point.settings,
    seed: sweep.record.seeds[0]!,
    name: sweep.spec.name,
  });
  const head = `# Point ${point.number} of the sweep ${JSON.stringify(sweep.spec.name)}: ${objective} ${value!.toFixed(4)} on the validation set, chosen from ${pickedFrom.points} points.\n`;
  return head + configToYaml(config);
}

/** Maps as objects, for JSON. */
export const jsonOf = ({ bootstrap, ...outcome }: SweepOutcome): object => ({
  ...outcome,
  bootstrap: bootstrap === null ? null : { ...bootstrap, picked: Object.fromEntries(bootstrap.picked) },
});
