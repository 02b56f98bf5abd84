/**
 * Fills gaps in a table of numbers. A volume with a gap must not remove the column for all others, because the regression
 * is a safeguard. Gaps are filled with the mean of train, and an extra column tells which values are missing, because
 * missing values may correlate with the label, too.
 */

/** N x F; null if a value is not known. */
export type GappyRows = readonly (readonly (number | null)[])[];

export interface FilledTable {
  /** the columns that are kept, and "NAME is missing" for each column with gaps in train */
  names: string[];
  train: number[][];
  target: number[][];
  /** number of filled values, by column; columns without gaps are left out */
  filled: { name: string; train: number; target: number }[];
  /** columns without information, because they are constant or empty in train */
  leftOut: string[];
}

/** The mean of train fills train and target; nothing of the target is used. */
export function fillGaps(columns: readonly string[], train: GappyRows, target: GappyRows): FilledTable {
  const filledColumns = columns.map((name, f) =>
    fillColumn(
      name,
      train.map((row) => row[f]!),
      target.map((row) => row[f]!),
    ),
  );
  const all = filledColumns.flatMap(({ features }) => features);
  const rows = (part: "train" | "target", count: number) =>
    Array.from({ length: count }, (_, i) => all.map((feature) => feature[part][i]!));
  return {
    names: all.map(({ name }) => name),
    train: rows("train", train.length),
    target: rows("target", target.length),
    filled: filledColumns.flatMap(({ gaps }) => (gaps === null ? [] : [gaps])),
    leftOut: columns.filter((_, f) => filledColumns[f]!.features.length === 0),
  };
}

interface Feature {
  name: string;
  train: number[];
  target: number[];
}

type Values = readonly (number | null)[];

function fillColumn(name: string, train: Values, target: Values) {
  const known = train.filter((value) => value !== null);
  const varies = new Set(known).size > 1;
  const mean = known.reduce((a, b) => a + b, 0) / known.length;
  const fill = (values: Values) => values.map((value) => value ?? mean);
  const missing = (values: Values) => values.map((value) => (value === null ? 1 : 0));
  const flagged = known.length > 0 && known.length < train.length;
  const features: Feature[] = [
    ...(varies ? [{ name, train: fill(train), target: fill(target) }] : []),
    ...(flagged ? [{ name: `${name} is missing`, train: missing(train), target: missing(target) }] : []),
  ];
  const count = (values: Values) => values.filter((value) => value === null).length;
  const gaps = { name, train: count(train), target: count(target) };
  return { features, gaps: features.length > 0 && gaps.train + gaps.target > 0 ? gaps : null };
}

/** Notes for a reader on what was filled and what was left out. */
export function gapNotes(
  baseline: string,
  { filled, leftOut }: Pick<FilledTable, "filled" | "leftOut">,
): string[] {
  const volumes = (count: number) => `${count} ${count === 1 ? "volume" : "volumes"}`;
  return [
    ...filled.map(({ name, train, target }) => {
      const flag = train > 0 ? ", and a further feature tells where it is missing" : "";
      return `The ${baseline} baseline has no ${name} for ${volumes(train)} of train and ${volumes(target)} of the scored part: the mean of train is used instead${flag}.`;
    }),
    ...(leftOut.length === 0
      ? []
      : [
          `The ${baseline} baseline does not use ${leftOut.join(", ")}, because it is constant or missing in train.`,
        ]),
  ];
}
