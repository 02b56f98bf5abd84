/**
 * Integrated gradients. Sundararajan, Taly, Yan, Axiomatic Attribution for Deep Networks, ICML 2017: the gradient along the
 * straight path from a baseline to the input, times the difference of the two. The attributions sum to the difference of
 * the two scores (completeness), except for the error of the sum that approximates the integral.
 */
import { scope, type Tensor } from "@slicestack/torch";
import type { VolumeFunction } from "./volume-function.js";

export interface Integrated {
  /** Contribution of each value of the model's input to the log-odds; same shape as the input. */
  attribution: Tensor;
  /** Log-odds of the input and of the baseline. */
  score: number;
  baselineScore: number;
  /** Sum of all attributions. */
  sum: number;
  /** sum - (score - baselineScore). */
  gap: number;
}

export interface IntegratedOptions {
  /** Number of points on the path, at the midpoints of equal intervals. */
  steps: number;
  onStep?: () => void;
}

export function integratedGradients(
  model: Pick<VolumeFunction, "gradient" | "score">,
  unit: Tensor,
  baseline: Tensor,
  target: number,
  { steps, onStep }: IntegratedOptions,
): Integrated {
  return scope(() => {
    const way = unit.sub(baseline);
    const total = way.mul(0);
    for (let step = 0; step < steps; step++) {
      scope(() => {
        const point = baseline.add(way.mul((step + 0.5) / steps));
        total.add_(model.gradient(point, target, null).input);
      });
      onStep?.();
    }
    const attribution = total.mul(way).div(steps);
    const [score, baselineScore] = [model.score(unit, target), model.score(baseline, target)];
    // In double precision, because a million small numbers are summed.
    const sum = attribution.to({ dtype: "float64" }).sum().item();
    return { attribution, score, baselineScore, sum, gap: sum - (score - baselineScore) };
  });
}
