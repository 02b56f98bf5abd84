import assert from "node:assert/strict";
import {
  fromTypedArray,
  functional,
  getNumThreads,
  scope,
  setNumThreads,
  type DType,
} from "../../src/index.js";
import { Adam } from "../../src/optim/index.js";
import { leakTest, loadFixture, scopedTest } from "../support.js";
import { fill, ResNet18, scatter } from "./resnet18.js";

interface Fixture {
  batch: number;
  size: number;
  classes: number;
  rate: number;
  float64: number[];
  float32: number[];
  names: Record<string, number[]>;
}
const fixture = loadFixture<Fixture>("nn/resnet18");

/** Losses of `steps` steps of Adam over four batches in turn. */
function losses(dtype: DType, steps: number): number[] {
  const { batch, size, classes, rate } = fixture;
  const threads = getNumThreads();
  setNumThreads(1); // as the fixture: sums depend on it
  using model = new ResNet18(classes).to({ dtype });
  fill(model);
  using optimizer = new Adam(model.parameters(), { learningRate: rate });
  const train = (step: number) => {
    const x_NCHW = fromTypedArray(
      scatter(batch * 3 * size * size, 1000 + (step % 4)),
      [batch, 3, size, size],
      {
        dtype,
      },
    );
    const target_N = fromTypedArray(
      BigInt64Array.from({ length: batch }, (_, i) => BigInt((i * 3 + (step % 4)) % classes)),
    );
    const loss = functional.crossEntropy(model.forward(x_NCHW), target_N);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  };
  const found = Array.from({ length: steps }, (_, step) => scope(() => train(step)));
  setNumThreads(threads);
  return found;
}

function expectRelative(found: number[], expected: number[], tolerance: number): void {
  assert.ok(found.length > 0 && found.length <= expected.length);
  found.forEach((loss, step) => {
    const wanted = expected[step] ?? NaN;
    assert.ok(
      Math.abs(loss - wanted) <= tolerance * wanted,
      `step ${step}: expected ${wanted}, received ${loss}, tolerance ${tolerance}`,
    );
  });
}

scopedTest("ResNet-18 has torchvision's parameter names, order and shapes (fixtures/nn/resnet18.py)", () => {
  using model = new ResNet18(fixture.classes);
  const found = [...model.stateDict()].map(([name, { shape }]): [string, number[]] => [name, shape]);
  assert.deepEqual(found, Object.entries(fixture.names));
});

leakTest(
  "ResNet-18 in float64: 20 losses of training equal PyTorch's to 1e-8 relative (fixtures/nn/resnet18.py)",
  () => {
    expectRelative(losses("float64", 20), fixture.float64, 1e-8);
  },
);

leakTest(
  "ResNet-18 in float32: losses equal PyTorch's to 1e-5 over 2 steps and 3 % over 20 (fixtures/nn/resnet18.py)",
  () => {
    const found = losses("float32", 20);
    expectRelative(found.slice(0, 2), fixture.float32, 1e-5);
    expectRelative(found, fixture.float32, 0.03);
  },
);
