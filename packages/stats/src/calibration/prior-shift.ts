/**
 * Probabilities for another mix of classes than the model was trained on. A weighted sampler shows the model a mix that
 * does not occur in practice (often all classes equally), so rare classes are predicted too often.
 * Saerens, Latinne & Decaestecker, Neural Computation 14 (2002) 21.
 */
import { RangeOfParameterError, ShapeError } from "../errors.js";
import { checkProbabilities } from "../metrics/check.js";

/** How far the sum of priors may be from 1. */
const SUM_TOLERANCE = 1e-6;

/**
 * p'(c) ∝ p(c) · target(c) / trained(c): exact where each class looks the same under both mixes.
 * @param trained mix that the model saw in training: that of the sampler, not that of the data set
 * @param target mix that the probabilities are wanted for, e.g. that of the training set (classPrior)
 * @throws ShapeError where lengths differ, RangeOfParameterError for priors that are not positive or do not sum to 1 (a
 *   target may be 0), the errors of checkProbabilities
 */
export function correctPriors(
  probabilities: readonly (readonly number[])[],
  { trained, target }: { trained: readonly number[]; target: readonly number[] },
): number[][] {
  checkPrior("trained", trained, trained.length, Number.MIN_VALUE);
  checkPrior("target", target, trained.length, 0);
  checkProbabilities(probabilities, trained.length);
  return reweight(
    probabilities,
    trained.map((prior, c) => target[c]! / prior),
  );
}

export interface EstimatedPriors {
  priors: number[];
  iterations: number;
  /** false where 1000 iterations were not enough */
  converged: boolean;
}

/**
 * Estimates the mix of an unlabelled set by expectation maximisation: the mean of the corrected probabilities, repeated
 * until it no longer changes. It uses all scans of the set at once (but not their labels), so a result that depends on
 * it must say so.
 * @param trained as in correctPriors   @throws as correctPriors
 */
export function estimatePriors(
  probabilities: readonly (readonly number[])[],
  trained: readonly number[],
): EstimatedPriors {
  checkPrior("trained", trained, trained.length, Number.MIN_VALUE);
  checkProbabilities(probabilities, trained.length);
  let priors = [...trained];
  for (let iterations = 1; iterations <= 1000; iterations++) {
    const corrected = reweight(
      probabilities,
      trained.map((prior, c) => priors[c]! / prior),
    );
    const next = trained.map((_, c) => corrected.reduce((sum, row) => sum + row[c]!, 0) / corrected.length);
    const largestChange = next.reduce(
      (largest, prior, c) => Math.max(largest, Math.abs(prior - priors[c]!)),
      0,
    );
    priors = next;
    if (largestChange < 1e-10) return { priors, iterations, converged: true };
  }
  return { priors, iterations: 1000, converged: false };
}

function reweight(probabilities: readonly (readonly number[])[], ratio: readonly number[]): number[][] {
  return probabilities.map((row, i) => {
    const weighted = row.map((p, c) => p * ratio[c]!);
    const sum = weighted.reduce((a, b) => a + b, 0);
    if (!(sum > 0))
      throw new RangeOfParameterError(
        `row ${i}`,
        "a probability above 0 for at least one class of the target mix",
        row.join(", "),
      );
    return weighted.map((value) => value / sum);
  });
}

function checkPrior(name: string, prior: readonly number[], classes: number, least: number): void {
  if (prior.length !== classes)
    throw new ShapeError(name, `${classes} priors, one per class`, String(prior.length));
  const invalid = prior.find((value) => !(value >= least && value <= 1));
  if (invalid !== undefined)
    throw new RangeOfParameterError(name, least > 0 ? "priors above 0" : "priors 0..1", String(invalid));
  const sum = prior.reduce((a, b) => a + b, 0);
  if (Math.abs(sum - 1) > SUM_TOLERANCE)
    throw new RangeOfParameterError(name, "priors that sum to 1", `a sum of ${sum}`);
}
