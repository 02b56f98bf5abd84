/** Names of tensors in files of other programs, positions of vision transformers, and stochastic depth. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromTypedArray, manualSeed, ones, scope, zeros, type Tensor } from "@slicestack/torch";
import { dropPath, dropPathOf } from "../../src/models/common/drop-path.js";
import { createSliceModel } from "../../src/models/create-by-name.js";
import { positionsFor, vitTensors } from "../../src/models/trunks/vit-names.js";
import type { SliceModel } from "../../src/models/trunks/slice-model.js";
import { leakFree } from "./support.js";

/** The names that a trunk makes of those of a file. */
function own(trunk: string, names: string[], size = 64): string[] {
  using model: SliceModel = createSliceModel({ model: trunk, dropout: 0 }, 2, [size, size]);
  return scope(() => [...model.adoptPretrained(new Map(names.map((name) => [name, zeros([1])]))).keys()]);
}

leakFree("RadImageNet's DenseNet and torchvision's early files have the names of torchvision", () => {
  assert.deepEqual(
    own("densenet121", [
      "backbone.0.conv0.weight",
      "backbone.0.denseblock1.denselayer1.norm1.weight",
      "features.denseblock1.denselayer2.conv.2.weight",
      "classifier.weight",
    ]),
    [
      "features.conv0.weight",
      "features.denseblock1.denselayer1.norm1.weight",
      "features.denseblock1.denselayer2.conv2.weight",
    ],
  );
});

leakFree("EfficientNet: blocks that are numbered through, and unknown names as they are", () => {
  assert.deepEqual(
    own("efficientnet_lite0", [
      "_conv_stem.weight",
      "_blocks.0._depthwise_conv.weight",
      "_blocks.1._expand_conv.weight",
      "_blocks.15._bn2.running_var",
      "_blocks.16._bn2.running_var",
      "_bn1.bias",
      "_fc.bias",
    ]),
    [
      "features.0.0.weight",
      "features.1.0.block.0.0.weight",
      "features.2.0.block.0.0.weight",
      "features.7.0.block.2.1.running_var",
      "_blocks.16._bn2.running_var",
      "features.8.1.bias",
    ],
  );
  assert.deepEqual(
    own("efficientnet_b0", ["conv_stem.weight", "blocks.1.0.se.conv_reduce.weight", "blocks.0.0.bn2.weight"]),
    ["features.0.0.weight", "features.2.0.block.2.fc1.weight", "features.1.0.block.2.1.weight"],
  );
});

leakFree("Hugging Face's query, key and value become one matrix, in the order of timm's", () => {
  scope(() => {
    const layer = "encoder.layer.3.attention.attention";
    const parts = ["query", "key", "value"].map((part, k): [string, Tensor] => [
      `${layer}.${part}.weight`,
      ones([2, 2]).mul(k),
    ]);
    const named = vitTensors(
      new Map([...parts, ["vit.layernorm.bias", zeros([2])], ["pooler.dense.bias", zeros([2])]]),
      [1, 1],
    );
    assert.deepEqual([...named.keys()].sort(), ["blocks.3.attn.qkv.weight", "norm.bias"]);
    assert.deepEqual(named.get("blocks.3.attn.qkv.weight")!.select(1, 0).toArray(), [0, 0, 1, 1, 2, 2]);
  });
});

leakFree(
  "positions: the same grid is unchanged, a missing position of the class token is zero, another grid is resampled",
  () => {
    scope(() => {
      const values = fromTypedArray(Float32Array.from({ length: 10 }, (_, k) => k)).reshape(1, 10, 1);
      assert.deepEqual(positionsFor(values, [3, 3]).flatten().toArray(), values.flatten().toArray());
      const patches = values.narrow(1, 1, 9);
      assert.deepEqual(positionsFor(patches, [3, 3]).flatten().toArray(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      // A plane stays a plane inside, and its mean stays in any case.
      const wide = positionsFor(values, [6, 3]);
      assert.deepEqual(wide.shape, [1, 19, 1]);
      assert.ok(Math.abs(wide.narrow(1, 1, 18).mean().item() - 5) < 1e-5);
      assert.equal(wide.select(1, 0).item(), 0);
    });
  },
);

test("a slice that cannot be cut into patches is refused, with a size that can", () => {
  assert.throws(
    () =>
      createSliceModel({ model: { name: "vit_small", options: { patch: 14 } }, dropout: 0 }, 2, [128, 120]),
    /slices of 128 x 120 cannot be cut into patches of 14 x 14\. Set slice\.size to multiples of 14, for example \[126, 126\]/,
  );
});

leakFree("stochastic depth drops whole samples, keeps the mean, and does nothing in evaluation", () => {
  scope(() => {
    manualSeed(3);
    const x = ones([4000, 2, 1, 1]);
    const kept = dropPath(x, 0.25, true).flatten(1);
    assert.equal(kept.select(1, 0).sub(kept.select(1, 1)).abs().sum().item(), 0, "a sample as a whole");
    assert.deepEqual([...new Set(kept.flatten().toArray())].sort(), [0, Math.fround(1 / 0.75)]);
    assert.ok(Math.abs(kept.mean().item() - 1) < 0.05);
    assert.equal(dropPath(x, 0.25, false), x);
    assert.equal(dropPath(x, 0, true), x);
  });
  assert.deepEqual(
    [0, 1, 2, 3].map((block) => dropPathOf(0.2, block, 4)),
    [0, 0.05, 0.1, 0.15000000000000002],
  );
});
