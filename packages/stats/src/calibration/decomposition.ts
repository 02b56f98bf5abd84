/** The Brier score split into reliability, resolution and uncertainty. */
import { checkScores } from "../metrics/check.js";
import { brierScore } from "./proper-scores.js";
import { checkBins, forEachBin, sortByClass } from "./reliability.js";

/** brier = reliability - resolution + uncertainty + withinBins, exactly; all summed over classes. */
export interface BrierDecomposition {
  brier: number;
  /** how far the mean probability of each bin is from the observed frequency; 0 is best */
  reliability: number;
  /** how much the observed frequency differs between bins; higher is better */
  resolution: number;
  /** Brier score of a constant prediction of the base rates: it depends on the data, not on the model */
  uncertainty: number;
  /** variance within the bins, which binning hides; small with enough bins */
  withinBins: number;
  bins: number;
}

/**
 * Murphy, J. Appl. Meteorol. 12 (1973) 595, each class against the rest, over bins of equal mass; the remainder within
 * bins by Stephenson, Coelho & Jolliffe, Weather and Forecasting 23 (2008) 752.
 * @throws the errors of checkScores, RangeOfParameterError
 */
export function brierDecomposition(
  labels: readonly number[],
  probabilities: readonly (readonly number[])[],
  bins: number,
): BrierDecomposition {
  checkScores(labels, probabilities, probabilities[0]?.length ?? 0);
  checkBins(bins);
  const n = labels.length;
  const parts = { reliability: 0, resolution: 0, uncertainty: 0, withinBins: 0 };
  sortByClass(labels, probabilities).forEach((sorted, c) => {
    const rate = labels.filter((label) => label === c).length / n;
    parts.uncertainty += rate * (1 - rate);
    forEachBin(sorted, bins, undefined, ({ weight, p, y, pp, py }) => {
      parts.reliability += (p - y) ** 2 / weight / n;
      parts.resolution += (weight * (y / weight - rate) ** 2) / n;
      parts.withinBins += (pp - (p * p) / weight - 2 * (py - (p * y) / weight)) / n;
    });
  });
  return { brier: brierScore(labels, probabilities), ...parts, bins };
}
