/** With the same seed, layers start from exactly PyTorch's numbers. */
import assert from "node:assert/strict";
import { manualSeed, rand, scope } from "../../src/index.js";
import * as nn from "../../src/nn/index.js";
import { expectClose, leakTest, loadFixture, type TensorJson } from "../support.js";

interface InitCase {
  name: string;
  state: Record<string, TensorJson>;
  /** The first draw after the layer was made. */
  after: number;
}

const block = { width: 4, heads: 2, feedForward: 6 };
const makers: Record<string, () => nn.Module> = {
  Linear: () => new nn.Linear(3, 4),
  Conv2d: () => new nn.Conv2d(4, 6, 3, { groups: 2 }),
  Conv3d: () => new nn.Conv3d(2, 3, [1, 2, 3], { bias: false }),
  BatchNorm2d: () => new nn.BatchNorm2d(3),
  Embedding: () => new nn.Embedding(6, 3),
  GRU: () => new nn.GRU(3, 4, { layers: 2, bidirectional: true }),
  MultiheadAttention: () => new nn.MultiheadAttention(4, 2),
  TransformerEncoderLayer: () => new nn.TransformerEncoderLayer(block),
  TransformerEncoder: () => new nn.TransformerEncoder({ ...block, depth: 2 }),
  Sequential: () => new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU(), new nn.Linear(3, 2)),
};

for (const { name, state, after } of loadFixture<InitCase[]>("nn/init")) {
  // Normal draws go through libm or vector functions, which may differ in the last bit between builds of libtorch.
  const tolerance = name === "Embedding" ? 1e-6 : 0;
  leakTest(
    `${name}: names, shapes and ${tolerance === 0 ? "bits" : "values"} after manualSeed(0) equal PyTorch's (fixtures/nn/init.py)`,
    () => {
      scope(() => {
        manualSeed(0);
        const module = makers[name]?.();
        assert.ok(module !== undefined, "a maker for the case");
        const own = module.stateDict();
        assert.deepEqual([...own.keys()], Object.keys(state));
        for (const [key, tensor] of own) {
          assert.equal(tensor.dtype, state[key]?.dtype);
          expectClose(tensor, state[key] ?? tensor, tolerance, key);
        }
        if (tolerance === 0) assert.equal(rand([1]).item(), after, "as many draws were taken");
        module.dispose();
      });
    },
  );
}

leakTest(
  "kaimingNormal_ and xavierUniform_ have the spread of He et al. 2015 and Glorot and Bengio 2010",
  () => {
    scope(() => {
      manualSeed(3);
      const weight = rand([64, 32, 3, 3]);
      nn.init.kaimingNormal_(weight, "fanOut");
      assert.ok(Math.abs(weight.std().item() / Math.sqrt(2 / (64 * 9)) - 1) < 0.02);
      nn.init.xavierUniform_(weight);
      const bound = Math.sqrt(6 / ((64 + 32) * 9));
      assert.ok(weight.abs().max().item() <= bound);
      assert.ok(Math.abs(weight.std().item() / (bound / Math.sqrt(3)) - 1) < 0.02);
      nn.init.kaimingUniform_(weight);
      assert.ok(Math.abs(weight.std().item() / Math.sqrt(2 / (32 * 9)) - 1) < 0.02);
      assert.throws(() => nn.init.fans(rand([3])), /at least 2 dimensions/);
    });
  },
);
