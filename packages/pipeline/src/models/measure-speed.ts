/** How fast this machine trains a model and predicts with it, on random input. B items of a batch, K classes. */
import { autocast, functional as F, noGrad, scope, zeros, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { layoutOf, type ComputePlan } from "../run/compute.js";

/** Items per second. */
export interface ModelSpeed {
  training: number;
  inference: number;
}

/** After the first step, which is slow and not counted: at least this long and this often. */
export interface MeasuredTime {
  seconds: number;
  steps: number;
}

/**
 * Moves the model to the device and the memory layout in which it would train, and measures it there.
 * @param x_B its input, on the device of the plan: slices_BCHW or volumes_BCHWD; logits_BK are its output
 */
export function measureSpeed(
  model: Module & { forward: (x_B: Tensor) => Tensor },
  x_B: Tensor,
  plan: Pick<ComputePlan, "device" | "bfloat16">,
  least: MeasuredTime,
): ModelSpeed {
  const { device, bfloat16 } = plan;
  model.to({ device, ...layoutOf(plan, x_B.shape.length === 5 ? "volumes" : "slices") });
  const run = <T>(body: () => T): T => (bfloat16 ? autocast({ device }, body) : body());
  const [batch = 1] = x_B.shape;
  const label_B = zeros([batch], { dtype: "int64", device });
  const train = () => {
    model.train();
    const loss = run(() => F.crossEntropy(model.forward(x_B), label_B));
    loss.backward();
    loss.item();
    model.zeroGrad();
  };
  const infer = () => {
    model.eval();
    noGrad(() =>
      run(() => model.forward(x_B))
        .sum()
        .item(),
    );
  };
  return { training: batch * stepsPerSecond(train, least), inference: batch * stepsPerSecond(infer, least) };
}

function stepsPerSecond(step: () => void, least: MeasuredTime): number {
  scope(step);
  const start = performance.now();
  let [steps, seconds] = [0, 0];
  for (; steps < least.steps || seconds < least.seconds; steps++) {
    scope(step);
    seconds = (performance.now() - start) / 1000;
  }
  return steps / seconds;
}
