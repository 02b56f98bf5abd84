/** The analyses of a report beyond its tables of models; they depend on the predictions only. */
import { decisionCurve, type DecisionCurve, type MetricName, type Voters } from "@slicestack/stats";
import { compareAllPairs, type AllPairs } from "../compare/all-pairs.js";
import { settings, type SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";
import { analyseSubgroups, type SubgroupAnalysis } from "../subgroups/analysis.js";
import type { SubgroupColumn } from "../subgroups/columns.js";
import type { ModelSummary } from "../summary.js";
import { calibrate, type CalibrationReport, type Priors } from "./calibrate.js";
import { shuffleControl, type ShuffleControl } from "./control.js";
import { classCurves, type ClassCurves } from "./curves.js";
import { confidentErrors, type Evidence, type Failure } from "./failures.js";
import { headlines } from "./headlines.js";
import { keptCalibration, keptSets, keptThresholds, type KeptDecision } from "./kept.js";
import { compareProtocols, type Protocol, type ProtocolRow } from "./protocols.js";
import { selectiveReport, type SelectiveReport } from "./selective.js";
import { conformalSets, type ConformalReport } from "./sets.js";
import { sweepVotes, type VoteReport } from "./slice-votes.js";
import { freezeThresholds, type ThresholdReport } from "./thresholds.js";

export interface AnalysisInput {
  /** determines which part is scored: clean = test, paper = val */
  protocol: Protocol;
  /** false for the volumes of another data set */
  ownTest: boolean;
  predictions: readonly Predictions[];
  summaries: { val: readonly ModelSummary[]; test: readonly ModelSummary[] };
  mainModel: string;
  priors: Priors | null;
  /** what an earlier evaluation learned, for a model whose validation set is not here; null otherwise */
  kept: KeptDecision | null;
  /** slices of val; null if no slice model votes */
  voters: Voters | null;
  /** of the scored part */
  evidence: readonly Evidence[];
  /** of the scored part, one group per row */
  columns: readonly SubgroupColumn[];
  labelsShuffled: boolean;
}

export interface Analysis {
  /** null if only one protocol was scored */
  protocols: ProtocolRow[] | null;
  /** every pair of models, baselines included, with Holm; null for fewer than two */
  pairs: AllPairs | null;
  votes: VoteReport | null;
  /** for binary tasks on test; otherwise empty */
  thresholds: ThresholdReport[];
  calibration: CalibrationReport | null;
  sets: ConformalReport[];
  selective: SelectiveReport[];
  curves: ClassCurves[];
  /** binary tasks */
  decisionCurve: DecisionCurve | null;
  subgroups: SubgroupAnalysis[];
  failures: Failure[];
  control: ShuffleControl | null;
}

/** Baselines are not models: nothing of them is chosen on val. */
const BASELINES = ["majority", "shortcut", "metadata"];
/** Its scores give an order and a decision; they are not probabilities. */
export const COUNT_VOTE = "2d_count";
/** Probabilities at which a decision could be made. */
const DECISION_THRESHOLDS: readonly number[] = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);
const SUBGROUP_METRICS: readonly MetricName[] = ["balancedAccuracy", "auroc"];

/** @throws the errors of the functions it calls, such as for invalid predictions and for parts that share subjects */
export function analyse(input: AnalysisInput, options: SummaryOptions): Analysis {
  const { protocol, predictions, summaries, mainModel, voters, columns, evidence, kept } = input;
  const part = protocol === "clean" ? "test" : "val";
  const of = (name: "val" | "test") => predictions.filter((model) => model.part === name);
  const find = (name: "val" | "test", model: string) =>
    of(name).find((candidate) => candidate.model === model);
  const scored = of(part);
  const main = find(part, mainModel);
  const fitted = part === "test" ? find("val", mainModel) : undefined;
  const trained = scored.filter(({ model }) => !BASELINES.includes(model));
  const informed = mainFirst(
    scored.filter(({ model }) => model !== "majority"),
    mainModel,
  );
  const chosen = trained.flatMap((test) => {
    const val = find("val", test.model);
    return val === undefined ? [] : [{ val, test }];
  });
  const { ordinal, classes, resamples, level, seed } = settings(options);
  const metrics = headlines(ordinal);
  const isOwnTest = input.ownTest && part === "test";
  const binary = classes === 2;
  const summary = summaries[part].find(({ model }) => model === mainModel);
  return {
    protocols: isOwnTest ? compareProtocols(chosen, summaries, metrics, options) : null,
    pairs: informed.length < 2 ? null : compareAllPairs(informed, metrics, options),
    votes: voters === null ? null : sweepVotes(voters.slices, voters.labels),
    ...fittedOn({ main, fitted, kept, priors: input.priors }, options),
    selective: trained
      .filter(({ model }) => model !== COUNT_VOTE)
      .map((scoredModel) => selectiveReport(scoredModel, options)),
    curves: main ? classCurves(main, options) : [],
    decisionCurve:
      main && binary
        ? decisionCurve(main, { seed, resamples, level, thresholds: DECISION_THRESHOLDS })
        : null,
    subgroups: main ? columns.map((column) => analyseSubgroups(main, column, SUBGROUP_METRICS, options)) : [],
    failures: main ? confidentErrors(main, evidence) : [],
    control: input.labelsShuffled && summary ? shuffleControl(summary) : null,
  };
}

/** What is fitted on val, or was fitted there by an earlier evaluation, applied to the scored part. */
function fittedOn(
  {
    main,
    fitted,
    kept,
    priors,
  }: {
    main: Predictions | undefined;
    fitted: Predictions | undefined;
    kept: KeptDecision | null;
    priors: Priors | null;
  },
  options: SummaryOptions,
): Pick<Analysis, "thresholds" | "calibration" | "sets"> {
  if (main !== undefined && fitted !== undefined)
    return {
      thresholds: freezeThresholds(fitted, main, options),
      calibration: calibrate(fitted, main, priors, options),
      sets: conformalSets(fitted, main, options),
    };
  if (main === undefined || kept === null) return { thresholds: [], calibration: null, sets: [] };
  return {
    thresholds: keptThresholds(kept, main, options),
    calibration: keptCalibration(kept, main, options),
    sets: keptSets(kept, main, options),
  };
}

/** An order that gives a difference the same sign in every table: main model minus others, models minus baselines. */
function mainFirst(models: readonly Predictions[], mainModel: string): Predictions[] {
  const rank = ({ model }: Predictions) => (model === mainModel ? 0 : BASELINES.includes(model) ? 2 : 1);
  return [...models].sort((a, b) => rank(a) - rank(b));
}

/** The analyses of the joint predictions of several models, of which none is chosen or calibrated here. */
export function analyseJoint(
  input: Pick<AnalysisInput, "predictions" | "summaries" | "mainModel" | "columns">,
  options: SummaryOptions,
): Pick<Analysis, "pairs" | "curves" | "subgroups"> {
  const { pairs, curves, subgroups } = analyse(
    {
      ...input,
      protocol: "clean",
      ownTest: false,
      priors: null,
      kept: null,
      voters: null,
      evidence: [],
      labelsShuffled: false,
    },
    options,
  );
  return { pairs, curves, subgroups };
}
