/** Corrects probabilities for the class mix of the sampler, and for over-confidence as measured on val. */
import {
  brierDecomposition,
  type BrierDecomposition,
  correctPriors,
  defaultBins,
  type Estimate,
  IsotonicRegression,
  type MetricName,
  reliabilityCurve,
  type ReliabilityPoint,
  type Temperature,
  TemperatureScaling,
} from "@slicestack/stats";
import { compareModels } from "../compare/models.js";
import type { SummaryOptions } from "../summary-options.js";
import type { Predictions } from "../predictions.js";
import { summarise } from "../summary.js";

/** Class mixes: the one that the model saw in training, and the one of the train part. */
export interface Priors {
  trained: number[];
  target: number[];
}

export type CalibrationName =
  "as given" | "prior corrected" | "temperature" | "prior corrected, temperature" | "isotonic";

export interface CalibratedScores {
  name: CalibrationName;
  /** on test */
  metrics: Partial<Record<MetricName, Estimate>>;
  /** NLL minus that of the probabilities as given, on the same test subjects; null for the probabilities as given */
  nllDifference: Estimate | null;
  reliability: ReliabilityPoint[];
}

export interface CalibrationReport {
  model: string;
  /** how many */
  classes: number;
  /** null if no sampler or weight changed the mix */
  priors: Priors | null;
  /** after the prior correction, if there is one */
  temperature: Temperature;
  variants: CalibratedScores[];
  /** of the probabilities as given, on test */
  brier: BrierDecomposition;
}

export const CALIBRATION_METRICS: readonly MetricName[] = [
  "negativeLogLikelihood",
  "brierScore",
  "calibrationError",
  "classwiseCalibrationError",
  "balancedAccuracy",
];

/** With fewer val volumes, the isotonic map would memorise them. */
const LEAST_FOR_ISOTONIC = 200;

/** @throws PredictionsError unless the parts are val and test */
export function calibrate(
  val: Predictions,
  test: Predictions,
  priors: Priors | null,
  options: SummaryOptions,
): CalibrationReport {
  const corrected =
    priors === null ? val : { ...val, probabilities: correctPriors(val.probabilities, priors) };
  const isotonic: Variant[] =
    options.classes.length === 2 && val.labels.length >= LEAST_FOR_ISOTONIC
      ? [["isotonic", IsotonicRegression.fit(val).apply(test.probabilities)]]
      : [];
  return scoreCalibration(test, { priors, scaling: TemperatureScaling.fit(corrected) }, options, isotonic);
}

type Variant = [CalibrationName, number[][]];

/** Scores corrections that are fitted already. @param more further variants of the probabilities */
export function scoreCalibration(
  test: Predictions,
  { priors, scaling }: { priors: Priors | null; scaling: TemperatureScaling },
  options: SummaryOptions,
  more: readonly Variant[] = [],
): CalibrationReport {
  const variants: Variant[] = [["as given", test.probabilities]];
  if (priors !== null) {
    const onTest = correctPriors(test.probabilities, priors);
    variants.push(["prior corrected", onTest]);
    variants.push(["prior corrected, temperature", scaling.apply(onTest)]);
  } else variants.push(["temperature", scaling.apply(test.probabilities)]);
  variants.push(...more);
  const bins = options.bins ?? defaultBins(test.labels.length);
  return {
    model: test.model,
    classes: options.classes.length,
    priors,
    temperature: scaling.toJSON(),
    variants: variants.map(([name, probabilities]) =>
      scoreVariant(name, { ...test, probabilities }, test, options),
    ),
    brier: brierDecomposition(test.labels, test.probabilities, bins),
  };
}

function scoreVariant(
  name: CalibrationName,
  variant: Predictions,
  given: Predictions,
  options: SummaryOptions,
): CalibratedScores {
  const [summary] = summarise([variant], options);
  return {
    name,
    metrics: Object.fromEntries(CALIBRATION_METRICS.map((metric) => [metric, summary!.metrics[metric]])),
    nllDifference:
      name === "as given" ? null : compareModels(variant, given, options).metrics.negativeLogLikelihood,
    reliability: reliabilityCurve(variant, {
      bins: options.bins ?? defaultBins(variant.labels.length),
      level: options.level ?? 0.95,
    }),
  };
}
