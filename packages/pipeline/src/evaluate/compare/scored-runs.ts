/** Reads what evaluations left of several runs or groups, checks that they can be compared, and compares them. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { type MetricName, PredictionsError } from "@slicestack/stats";
import { pathWord } from "../../command-line.js";
import { checkFile } from "../../run/checksums.js";
import { runPaths } from "../../run/folder.js";
import { groupPaths, isGroup } from "../../run/group.js";
import { headlines } from "../analysis/headlines.js";
import { POOLED_FOLDS } from "../group/ensemble.js";
import { readGroupMetrics } from "../group/metrics-file.js";
import { readMetrics, type MetricsFile } from "../metrics-file.js";
import { readPredictions, type Predictions } from "../predictions.js";
import type { SummaryOptions } from "../summary-options.js";
import { summarise } from "../summary.js";
import { compareAllPairs } from "./all-pairs.js";
import type { RunComparison } from "./comparison.js";
import { compareFolds, type FoldComparison, type FoldMember } from "./folds.js";

interface Scored {
  name: string;
  folder: string;
  run: Pick<MetricsFile["run"], "classes" | "seed" | "ordinal" | "dataset" | "splitHash" | "labelsShuffled">;
  /** For a group: the joint predictions of its members. */
  predictions: Predictions;
  /** For a cross-validation whose members have different test sets; otherwise null. */
  folds: FoldMember[] | null;
}

export interface ComparedRuns {
  /** Folders of at least two runs or groups that `evaluate` has scored. */
  runs: readonly string[];
  /** Of each run; default: its main model. */
  model?: string;
  metric: MetricName;
  /** Default 2000. */
  resamples?: number;
}

/**
 * @throws RunError for a run that was not scored; PredictionsError where test sets, subjects, labels or classes differ, naming
 *   the difference
 */
export function comparisonOf({ runs, model, metric, resamples }: ComparedRuns): RunComparison {
  const scored = named(runs.map((run) => scoredFolder(run, model)));
  for (const other of scored.slice(1)) checkSameTest(scored[0]!, other);
  const first = scored[0]!.run;
  const statistics: SummaryOptions = {
    classes: first.classes,
    seed: first.seed,
    ordinal: first.ordinal,
    ...(resamples === undefined ? {} : { resamples }),
  };
  const models = scored.map(({ name, predictions }) => ({ ...predictions, model: name }));
  const metrics = [...new Set([...headlines(first.ordinal), metric])];
  const pairs = compareAllPairs(models, metrics, statistics);
  const groups = scored.flatMap(({ name, folds }) => (folds === null ? [] : [{ name, members: folds }]));
  const folds = groups.length === scored.length ? compareFolds(groups, metrics, statistics) : null;
  return {
    runs: scored.map(({ name, folder, predictions }) => ({ name, folder, model: predictions.model })),
    classes: first.classes,
    metric,
    summaries: summarise(models, statistics),
    pairs,
    folds,
    notes: [...notesOf(scored, folds), ...pairs.notes],
  };
}

function scoredFolder(folder: string, model: string | undefined): Scored {
  for (const file of [runPaths(folder).summary, runPaths(folder).predictions])
    checkFile(folder, file, `Score it again: slicestack evaluate ${pathWord(folder)}`);
  return isGroup(folder) ? scoredGroup(folder, model) : scoredRun(folder, model);
}

function scoredRun(folder: string, model: string | undefined): Scored {
  const paths = runPaths(folder);
  const { run } = readMetrics(paths.summary);
  const predictions = testPredictions(paths.predictions, model ?? run.mainModel);
  return { name: run.name, folder: paths.root, run, predictions, folds: null };
}

function scoredGroup(folder: string, model: string | undefined): Scored {
  const paths = groupPaths(folder);
  const { run, members, combination } = readGroupMetrics(paths.summary);
  const wanted = model ?? run.mainModel;
  const predictions = testPredictions(paths.predictions, wanted);
  const folds = () =>
    members.map((member): FoldMember => {
      const file = runPaths(paths.member(member)).predictions;
      return { ...member, predictions: testPredictions(file, wanted) };
    });
  const crossValidated = combination.test.kind === "out-of-fold";
  return { name: run.name, folder: paths.root, run, predictions, folds: crossValidated ? folds() : null };
}

/** @throws PredictionsError if the file is missing or has no such model */
function testPredictions(file: string, model: string): Predictions {
  if (!existsSync(file)) throw new PredictionsError("not found; score the run again", file);
  const all = readPredictions(file).filter(({ part }) => part === "test");
  const predictions = all.find((one) => one.model === model);
  if (predictions !== undefined) return predictions;
  throw new PredictionsError(
    `has no model ${model} on test; its models are ${all.map((predictions) => predictions.model).join(", ")}`,
    file,
  );
}

/** The names of the runs; if two are equal, with their folders. */
function named(scored: Scored[]): Scored[] {
  const count = (name: string) => scored.filter((one) => one.name === name).length;
  const byFolder = scored.map((one) => (count(one.name) > 1 ? { ...one, name: basename(one.folder) } : one));
  const unique = new Set(byFolder.map(({ name }) => name)).size === byFolder.length;
  return unique ? byFolder : byFolder.map((one) => ({ ...one, name: one.folder }));
}

/** @throws PredictionsError that states what differs */
function checkSameTest(first: Scored, other: Scored): void {
  const pair = `${first.folder} and ${other.folder} cannot be compared`;
  const [a, b] = [first.run.classes, other.run.classes];
  // Different names for the same classes are allowed: the labels of all volumes are compared below.
  if (a.length !== b.length)
    throw new PredictionsError(
      `${pair}: the classes are ${a.join(", ")} in one, ${b.join(", ")} in the other`,
    );
  const rowOf = new Map(other.predictions.ids.map((id, i) => [id, i]));
  const idsOfFirst = new Set(first.predictions.ids);
  const onlyFirst = first.predictions.ids.filter((id) => !rowOf.has(id));
  const onlyOther = other.predictions.ids.filter((id) => !idsOfFirst.has(id));
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

function notesOf(scored: readonly Scored[], folds: FoldComparison | null): string[] {
  const differing = (of: (run: Scored["run"]) => string) =>
    new Set(scored.map(({ run }) => of(run))).size > 1;
  const shuffled = scored.filter(({ run }) => run.labelsShuffled).map(({ name }) => name);
  const classes = ({ classes: names }: Scored["run"]) => names.join(", ");
  const renamed = scored.filter(({ run }) => classes(run) !== classes(scored[0]!.run));
  return [
    `Choosing the best of ${scored.length} runs by this table makes its score too optimistic: choose on val, or confirm on new data.`,
    ...renamed.map(
      ({ name, run }) =>
        `${name} calls its classes ${classes(run)}: they are matched by their order, and every test volume has the same label in both.`,
    ),
    ...(scored.some((one) => one.folds !== null) ? [POOLED_FOLDS] : []),
    ...(folds === null
      ? []
      : [
          "Two tests answer two questions. The paired test over subjects compares the trained models themselves; the corrected t-test over folds asks whether the configurations differ, whatever subjects they are trained on. Choose the one that counts before you look at the results.",
        ]),
    ...(differing((run) => run.dataset.hash)
      ? [
          "The runs use differently prepared data: ids, subjects and labels of the test volumes agree, but their voxels may differ.",
        ]
      : []),
    ...(differing((run) => run.splitHash)
      ? ["The runs have different splits with the same test set: they were not trained on the same subjects."]
      : []),
    ...shuffled.map((name) => `${name} is a control that was trained with shuffled labels.`),
  ];
}
