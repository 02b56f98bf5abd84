/** The results of a sweep as text and tables. */
import { METRIC_NAMES, SHORT_NAMES } from "../../evaluate/metric-names.js";
import { formatNumber } from "../../page/format.js";
import type { Block, StudyTable } from "../../report/render-blocks.js";
import { changesOf, shownValue } from "../plan-text.js";
import type { RankedPoint, SweepOutcome } from "./outcome.js";

/** The most rows of the table on the page and in a terminal; the CSV contains all. */
const MOST_ROWS = 25;
/** The most keys with a column each. If there are more, or points set other keys, one column lists the changes. */
const MOST_COLUMNS = 6;

export function resultBlocks(outcome: SweepOutcome, command: string): Block[] {
  const { effects, notes } = outcome;
  return [
    { text: choiceText(outcome) },
    ...notes.map((note) => ({ note })),
    { table: leaderboard(outcome) },
    ...(effects === null ? [] : [{ table: effectTable(outcome, effects) }]),
    { command },
  ];
}

/** States the chosen point, the number of candidates, and its score corrected for the choice. */
export function choiceText(outcome: SweepOutcome): string {
  const { best, pickedFrom, bootstrap, minimizes } = outcome;
  const metric = METRIC_NAMES[outcome.objective];
  if (best === null) return "No point is finished yet.";
  const { points, trials } = pickedFrom;
  const picked = `Point ${best.point.number}${best.point.name === null ? "" : ` (${best.point.name})`} has the ${minimizes ? "lowest" : "highest"} ${metric} on the validation set, ${formatNumber(best.objective!, 3)}${intervalText(best)}. It was chosen from ${points} ${points === 1 ? "point" : "points"} (${trials} ${trials === 1 ? "trial" : "trials"}).`;
  if (points === 1) return picked;
  const corrected = bootstrap?.corrected ?? null;
  const share = bootstrap?.picked.get(best.point.number) ?? 0;
  const honest =
    bootstrap === null || corrected === null
      ? "The score of a chosen point is optimistic; by how much cannot be estimated here."
      : `The score of a chosen point is optimistic: when the choice is repeated in ${bootstrap.resamples} resamples of the subjects and scored on the subjects left out, the winner has ${formatNumber(corrected.value, 3)} [${formatNumber(corrected.low, 3)}, ${formatNumber(corrected.high, 3)}] (bootstrap bias correction, Tsamardinos et al. 2018), and this point wins ${Math.round(100 * share)} % of the resamples.`;
  return `${picked} ${honest} The test set was not used; evaluate on it once, for the chosen point.`;
}

const intervalText = ({ interval }: RankedPoint): string =>
  interval === null ? "" : ` [${formatNumber(interval.low, 3)}, ${formatNumber(interval.high, 3)}]`;

function leaderboard(outcome: SweepOutcome): StudyTable {
  const { ranking, objective, pickedFrom } = outcome;
  const shown = ranking.slice(0, MOST_ROWS);
  const isCut = ranking.length > shown.length;
  const { columns, cells } = changeColumns(outcome);
  return {
    label: "leaderboard",
    title: "Leaderboard",
    caption: `Mean over the trials of a point, on the validation set, [95 % interval] over subjects by the percentile bootstrap, not corrected for the choice; SD over the trials.${isCut ? ` The first ${shown.length} of ${ranking.length} points; leaderboard.csv contains all.` : ""} ${pickedFrom.points} points have a score.`,
    columns: [
      "point",
      "rank",
      SHORT_NAMES[objective] ?? METRIC_NAMES[objective],
      "SD",
      ...columns,
      "trials",
      "epochs",
      "min",
    ],
    rows: shown.map((one) => [
      one.point.name ?? String(one.point.number),
      one.rank === null ? one.state : String(one.rank),
      one.objective === null ? "–" : `${formatNumber(one.objective, 3)}${intervalText(one)}`,
      one.spread === null ? "–" : formatNumber(one.spread, 3),
      ...cells(one),
      String(one.trials),
      String(one.epochs),
      formatNumber(one.seconds / 60, 1),
    ]),
  };
}

/** A column for each key that varies, or one for all changes. */
function changeColumns({ ranking }: SweepOutcome): {
  columns: string[];
  cells: (one: RankedPoint) => string[];
} {
  const keys = [...new Set(ranking.flatMap(({ point }) => Object.keys(point.values)))];
  const isNamed = ranking.some(({ point }) => point.name !== null);
  if (isNamed || keys.length > MOST_COLUMNS)
    return { columns: ["changes"], cells: ({ point }) => [changesOf(point)] };
  const cell = ({ point }: RankedPoint, key: string) =>
    key in point.values ? shownValue(point.values[key]!) : "–";
  return { columns: keys, cells: (one) => keys.map((key) => cell(one, key)) };
}

function effectTable({ features }: SweepOutcome, effects: NonNullable<SweepOutcome["effects"]>): StudyTable {
  return {
    label: "effects",
    title: "Effect of each key",
    caption: `Permutation importance: the increase in a random forest's squared error when the values of a key are shuffled among the points, as a share of the variance of the objective. The forest explains ${Math.round(100 * effects.explained)} % of the variance for points that it has not seen.`,
    columns: ["key", "effect", "values"],
    rows: effects.importances.map(({ name, share }) => {
      const feature = features.find((one) => one.name === name)!;
      const present = feature.values.filter((value) => !Number.isNaN(value));
      const values =
        feature.labels?.join(", ") ??
        `${shownValue(Math.min(...present))} to ${shownValue(Math.max(...present))}`;
      return [name, `${(100 * share).toFixed(1)} %`, values];
    }),
  };
}

/** The leaderboard with one column per key. */
export function csvRows({ ranking, objective }: SweepOutcome): string[][] {
  const keys = [...new Set(ranking.flatMap(({ point }) => Object.keys(point.settings)))];
  const head = [
    "rank",
    "point",
    "name",
    "source",
    "state",
    objective,
    "low",
    "high",
    "sd",
    "trials",
    "epochs",
    "seconds",
  ];
  return [
    [...head, ...keys],
    ...ranking.map((one) => [
      String(one.rank ?? ""),
      String(one.point.number),
      one.point.name ?? "",
      one.point.source,
      one.state,
      String(one.objective ?? ""),
      String(one.interval?.low ?? ""),
      String(one.interval?.high ?? ""),
      String(one.spread ?? ""),
      String(one.trials),
      String(one.epochs),
      String(one.seconds),
      ...keys.map((key) => (key in one.point.settings ? JSON.stringify(one.point.settings[key]) : "")),
    ]),
  ];
}
