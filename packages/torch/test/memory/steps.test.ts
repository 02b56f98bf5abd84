import assert from "node:assert/strict";
import * as torch from "../../src/index.js";
import { batchNorm, conv2d, crossEntropy, linear } from "../../src/functional.js";
import { leakTest } from "../support.js";

leakTest("memory: 500 steps of training leave live tensors and resident memory unchanged", () =>
  torch.scope(trainLong),
);

function trainLong(): void {
  torch.manualSeed(1);
  const kernel = torch.randn([16, 3, 3, 3]).mul(0.1).requiresGrad_();
  const weight = torch.randn([4, 16]).mul(0.1).requiresGrad_();
  const mean = torch.zeros([16]);
  const variance = torch.ones([16]);
  const takeStep = () => {
    const x = torch.rand([8, 3, 32, 32]);
    const y = torch.randint(0, 4, [8]);
    const features = batchNorm(conv2d(x, kernel, null, { padding: 1 }), {
      runningMean: mean,
      runningVar: variance,
      training: true,
    });
    crossEntropy(linear(features.relu().mean([2, 3]), weight), y).backward();
    torch.noGrad(() => {
      for (const leaf of [kernel, weight]) {
        if (leaf.grad) leaf.add_(leaf.grad, -0.01);
        leaf.grad = null;
      }
    });
  };
  const step = () => torch.scope(takeStep);
  for (let k = 0; k < 100; k++) step();
  const [tensors, bytes, resident] = [torch.liveTensors(), torch.liveBytes(), process.memoryUsage().rss];
  for (let k = 0; k < 500; k++) {
    step();
    assert.equal(torch.liveTensors(), tensors);
  }
  assert.equal(torch.liveBytes(), bytes);
  const grown = (process.memoryUsage().rss - resident) / 2 ** 20;
  // One step holds about 3 MB: a leak of every step would be 1500.
  assert.ok(grown < 60, `resident memory grew by ${grown.toFixed(0)} MB`);
}
