/** What prediction will apply: read off an evaluation, in which all of it was fitted on the validation set. */
import { voteBy, type Voters } from "@slicestack/stats";
import type { Decision } from "../models/decision.js";
import type { OpenRun } from "../run/open-run.js";
import { fitFamiliar } from "./familiarity.js";
import type { MetricsFile } from "./metrics-file.js";
import type { PredictOutcome } from "./predict-job.js";

export interface Evaluated {
  opened: OpenRun;
  metrics: Pick<MetricsFile, "calibration" | "thresholds" | "sets">;
  outcome: Pick<PredictOutcome, "model" | "embedded">;
  /** Slices of the validation set; null where no slice model votes. */
  voters: Voters | null;
}

/** @returns null where there is no validation set, as for an imported checkpoint */
export function decisionOf({ opened, metrics, outcome, voters }: Evaluated): Decision | null {
  const { config, dataset, task } = opened;
  const { val } = task.parts;
  const { calibration, thresholds, sets } = metrics;
  if (val.length === 0 || calibration === null) return null;
  const { priors, temperature } = calibration;
  const fitted = sets.find(({ fitted: { score, byClass } }) => score === "lac" && !byClass)?.fitted;
  return {
    format: "slicestack decision",
    version: 1,
    model: outcome.model,
    fittedOn: { volumes: val.length, subjects: new Set(val.map(({ subject }) => subject)).size },
    calibration: { priors, temperature },
    thresholds: thresholds.map(({ rule, threshold }) => ({ rule, threshold })),
    sets:
      fitted === undefined
        ? null
        : { ...fitted, quantile_C: [...fitted.quantile_C], subjects_C: [...fitted.subjects_C] },
    countVote: countVoteOf(config, voters),
    familiarity: fitFamiliar(dataset, task.parts, outcome.embedded),
  };
}

function countVoteOf(config: OpenRun["config"], voters: Voters | null): Decision["countVote"] {
  if (config.method !== "2d" || config.slice.vote !== "count" || voters === null) return null;
  return voteBy("count", { val: voters, volumes: [], k: config.slice.voteK }).sweep!.best;
}
