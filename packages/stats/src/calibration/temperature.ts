/** One number that makes all probabilities more or less extreme, without changing what is predicted. */
import { checkFittedOnVal, checkProbabilities, type PartScored } from "../metrics/check.js";
import { RangeOfParameterError } from "../errors.js";
import { negativeLogLikelihood } from "./proper-scores.js";

/** Logarithms of probabilities end here, as in the NLL: a certainty of 1 is one of 1 - 2e-16. */
const SMALLEST = Number.EPSILON;

/** Temperatures beyond these say "as sharp as can be" or "as good as ignorant". */
const BOUNDS = [0.05, 20] as const;

/** A slope of the NLL smaller than this is none. */
const FLAT = 1e-12;

export interface Temperature {
  /** above 1 the model was too sure of itself, below 1 too hesitant; 1 where val cannot tell */
  temperature: number;
  /** true where the fit ran into 0.05 or 20: val is all right or all wrong, and no temperature is best */
  atBound: boolean;
  /** volumes of val that it was fitted on */
  volumes: number;
  /** NLL of val before and after, in nats */
  nllBefore: number;
  nllAfter: number;
}

/**
 * The temperature T that minimises the NLL of softmax(logits / T) on val. Guo et al., On Calibration of Modern Neural
 * Networks, ICML 2017. Logits are taken as log p, which softmax gives back; the NLL is convex in 1/T, so its slope is
 * bisected, and no start can be wrong.
 * @throws PredictionsError unless the part is val; the errors of checkScored
 */
export function fitTemperature(val: PartScored): Temperature {
  checkFittedOnVal("the temperature", val);
  const logits_NC = val.probabilities.map(logitsOf);
  let [low, high] = [1 / BOUNDS[1], 1 / BOUNDS[0]]; // of 1/T
  const [slopeLow, slopeHigh] = [slope(logits_NC, val.labels, low), slope(logits_NC, val.labels, high)];
  const flat = Math.abs(slopeLow) < FLAT && Math.abs(slopeHigh) < FLAT;
  let temperature = flat ? 1 : slopeLow >= -FLAT ? BOUNDS[1] : slopeHigh <= FLAT ? BOUNDS[0] : undefined;
  const atBound = !flat && temperature !== undefined;
  for (let step = 0; step < 100 && temperature === undefined; step++) {
    const middle = Math.sqrt(low * high);
    if (slope(logits_NC, val.labels, middle) > 0) high = middle;
    else low = middle;
  }
  temperature ??= 1 / Math.sqrt(low * high);
  return {
    temperature,
    atBound,
    volumes: val.labels.length,
    nllBefore: negativeLogLikelihood(val.labels, val.probabilities),
    nllAfter: negativeLogLikelihood(val.labels, applyTemperature(val.probabilities, temperature)),
  };
}

/**
 * softmax(log p / T) of each row: sharper below 1, flatter above; the order of classes stays.
 * @throws RangeOfParameterError unless T > 0; the errors of checkProbabilities
 */
export function applyTemperature(probabilities: readonly (readonly number[])[], temperature: number): number[][] {
  if (!(temperature > 0 && Number.isFinite(temperature)))
    throw new RangeOfParameterError("temperature", "a number > 0", String(temperature));
  checkProbabilities(probabilities, probabilities[0]?.length ?? 0);
  return probabilities.map((row) => softmax(logitsOf(row), 1 / temperature));
}

function logitsOf(row: readonly number[]): number[] {
  return row.map((p) => Math.log(Math.max(p, SMALLEST)));
}

function softmax(logits: readonly number[], scale: number): number[] {
  const top = Math.max(...logits);
  const exps = logits.map((logit) => Math.exp(scale * (logit - top)));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((value) => value / sum);
}

/** d NLL / d(1/T): mean expected logit minus mean logit of the true class; rises with 1/T. */
function slope(logits_NC: readonly (readonly number[])[], labels: readonly number[], scale: number): number {
  let sum = 0;
  logits_NC.forEach((logits, i) => {
    const p_C = softmax(logits, scale);
    for (let c = 0; c < logits.length; c++) sum += p_C[c]! * logits[c]!;
    sum -= logits[labels[i]!]!;
  });
  return sum / labels.length;
}
