/**
 * The explained score: the log-odds of a class, log p - log(1 - p). For two classes it is the difference of their logits;
 * for more it compares this class with all others. It has the same meaning for every loss and every kind of output.
 */
import { cat, type Tensor } from "@slicestack/torch";

/** logProbability_BK → logodds_B, differentiable. @param target 0..K-1, K >= 2 */
export function logOdds(logProbability_BK: Tensor, target: number): Tensor {
  const classes = logProbability_BK.size(1);
  const before = logProbability_BK.narrow(1, 0, target);
  const after = logProbability_BK.narrow(1, target + 1, classes - target - 1);
  return logProbability_BK.select(1, target).sub(cat([before, after], 1).logsumexp(1));
}

/** The probability for log-odds. */
export const probabilityOf = (logOdds: number): number => 1 / (1 + Math.exp(-logOdds));
