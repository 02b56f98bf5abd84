/**
 * Temperature scaling: one number makes all probabilities more or less extreme without changing the predicted class.
 */
import { checkFittedOnVal, checkProbabilities, type PartScored } from "../metrics/check.js";
import { RangeOfParameterError } from "../errors.js";
import type { Fitted } from "../fitted.js";
import { negativeLogLikelihood } from "./proper-scores.js";

/** Logarithms of probabilities are clipped here, as in the NLL: a probability of 1 counts as 1 - 2e-16. */
const SMALLEST = Number.EPSILON;

/** Limits of the search. A temperature at a limit means "as sharp as possible" or "close to uninformative". */
const BOUNDS = [0.05, 20] as const;

/** A slope of the NLL smaller than this counts as 0. */
const FLAT = 1e-12;

/** A temperature, and how well it fits the validation set. */
export interface Temperature {
  /** above 1 the model was overconfident, below 1 underconfident; 1 where the validation set cannot decide */
  temperature: number;
  /**
   * true where the fit reached 0.05 or 20: all predictions on the validation set are right or all are wrong, so no
   * temperature is best
   */
  atBound: boolean;
  /** number of validation volumes that it was fitted on */
  volumes: number;
  /** NLL on the validation set before and after, in nats */
  nllBefore: number;
  nllAfter: number;
}

/**
 * Temperature scaling: softmax(log p / T) of each row, sharper below 1, flatter above 1; the order of classes is kept.
 * Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
 */
export class TemperatureScaling implements Fitted<number[][], Temperature> {
  readonly #fitted: Temperature;

  private constructor(fitted: Temperature) {
    this.#fitted = fitted;
  }

  /**
   * The temperature T that minimises the NLL of softmax(logits / T) on the validation set. Logits are log p, from which
   * softmax recovers p.
   * @throws PredictionsError unless the part is val; the errors of checkScored
   */
  static fit(val: PartScored): TemperatureScaling {
    checkFittedOnVal("the temperature", val);
    const { temperature, atBound } = minimise(val);
    return new TemperatureScaling({
      temperature,
      atBound,
      volumes: val.labels.length,
      nllBefore: negativeLogLikelihood(val.labels, val.probabilities),
      nllAfter: negativeLogLikelihood(val.labels, scaled(val.probabilities, temperature)),
    });
  }

  /** @throws RangeOfParameterError unless the temperature is above 0 */
  static fromJSON(kept: Temperature): TemperatureScaling {
    const { temperature } = kept;
    if (!(temperature > 0 && Number.isFinite(temperature)))
      throw new RangeOfParameterError("temperature", "a number > 0", String(temperature));
    return new TemperatureScaling({ ...kept });
  }

  /** @throws the errors of checkProbabilities */
  apply(probabilities: readonly (readonly number[])[]): number[][] {
    checkProbabilities(probabilities, probabilities[0]?.length ?? 0);
    return scaled(probabilities, this.#fitted.temperature);
  }

  toJSON(): Temperature {
    return { ...this.#fitted };
  }
}

/** The NLL is convex in 1/T, so bisecting its slope finds the minimum from any start. */
function minimise(val: PartScored): Pick<Temperature, "temperature" | "atBound"> {
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
  return { temperature, atBound };
}

function scaled(probabilities: readonly (readonly number[])[], temperature: number): number[][] {
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
