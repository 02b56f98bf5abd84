import * as torch from "../../src/index.js";
import { conv2d, crossEntropy, dropout } from "../../src/functional.js";

/** 20 steps of gradient descent with dropout, on one thread. @returns the losses and then three draws */
export function trainSmall(seed: number): number[] {
  torch.setNumThreads(1);
  torch.manualSeed(seed);
  return torch.scope(train);
}

function train(): number[] {
  const kernel = torch.randn([4, 1, 3, 3], { dtype: "float64" }).mul(0.3).requiresGrad_();
  const weight = torch.randn([3, 4], { dtype: "float64" }).mul(0.3).requiresGrad_();
  const x = torch.randn([6, 1, 8, 8], { dtype: "float64" });
  const y = torch.tensor([0, 1, 2, 0, 1, 2], { dtype: "int64" });
  const losses = Array.from({ length: 20 }, () =>
    torch.scope(() => {
      const features = dropout(conv2d(x, kernel).relu().mean([2, 3]), 0.2);
      const loss = crossEntropy(features.matmul(weight.transpose(0, 1)), y);
      const gradients = torch.grad([loss], [kernel, weight]);
      torch.noGrad(() => [kernel, weight].forEach((leaf, k) => leaf.add_(gradients[k] ?? 0, -0.1)));
      return loss.item();
    }),
  );
  return [...losses, ...torch.rand([3]).toArray()];
}
