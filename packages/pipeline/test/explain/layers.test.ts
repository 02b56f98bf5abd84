/** Which layer Grad-CAM takes, by default and by name, and how it is looked at. */
import assert from "node:assert/strict";
import { fromTypedArray, grad, ones, scope, type Tensor } from "@slicestack/torch";
import { Conv2d, Linear, Sequential, type Layer, type Module } from "@slicestack/torch/nn";
import { traceShapes } from "@slicestack/torch/trace";
import type { VolumeSize } from "../../src/models/common/input-sizes.js";
import { ExplainError } from "../../src/explain/errors.js";
import { classActivation } from "../../src/explain/grad-cam.js";
import { targetLayer } from "../../src/explain/layers.js";
import { recordOutputs } from "../../src/explain/tap.js";
import { createSliceModel, createVolumeModel } from "../../src/models/create-by-name.js";
import { leakFree } from "../models/support.js";

leakFree("by default the last stage whose maps are at least 7 x 7, of every trunk and 3D model", () => {
  // Shapes alone: none of these models needs its values.
  const nameOf = (make: () => Module, size: [number, number]) =>
    traceShapes(() => {
      using model = make();
      return targetLayer(model, size, null).name;
    }).result;
  const ofSlices = (model: string, size: [number, number]) =>
    nameOf(() => createSliceModel({ model, dropout: 0 }, 2, size), size);
  assert.equal(ofSlices("resnet18", [224, 224]), "resnet.layer4.1");
  assert.equal(ofSlices("resnet18", [128, 128]), "resnet.layer3.1");
  assert.equal(ofSlices("resnet50", [128, 256]), "resnet.layer3.5");
  assert.equal(ofSlices("resnet18", [24, 24]), "resnet.layer1.1");
  assert.equal(ofSlices("efficientnet_b0", [224, 224]), "backbone.features.7.0");
  assert.equal(ofSlices("efficientnet_v2_s", [128, 128]), "backbone.features.5.8");
  assert.equal(ofSlices("convnext_tiny", [128, 128]), "backbone.features.5.8");
  assert.equal(ofSlices("densenet121", [128, 128]), "backbone.features.denseblock3");
  assert.equal(ofSlices("vit_small", [64, 64]), "backbone.patch_maps");
  assert.equal(ofSlices("slice_cnn", [64, 64]), "bn3");
  assert.equal(ofSlices("slice_cnn", [16, 16]), "bn2");
  const ofVoxels = (model: string, size: VolumeSize) =>
    nameOf(() => createVolumeModel({ model }, 2, size), [size[0], size[1]]);
  assert.equal(ofVoxels("simple", [32, 32, 8]), "bn3");
  assert.equal(ofVoxels("simple_modular", [64, 64, 32]), "conv4");
  assert.equal(ofVoxels("attn", [128, 128, 32]), "conv5");
  assert.equal(ofVoxels("volume_cnn", [32, 40, 4]), "slice_cnn.bn3");
});

leakFree(
  "by name: a batch norm is rectified, a stage is its last block, an unknown name gets a suggestion",
  () => {
    using model = createSliceModel({ model: "resnet18", dropout: 0 }, 2, [64, 64]);
    const layer = targetLayer(model, [64, 64], "resnet.layer2");
    assert.deepEqual([layer.name, layer.rectified], ["resnet.layer2.1", false]);
    assert.equal(targetLayer(model, [64, 64], "resnet.bn1").rectified, true);
    assert.throws(
      () => targetLayer(model, [64, 64], "resnet.layr4"),
      (error) =>
        error instanceof ExplainError &&
        /no layer resnet\.layr4\. Did you mean resnet\.layer4/.test(error.message),
    );
  },
);

leakFree("a tap sees each call and leaves the layer as it was, also where the model throws", () => {
  using model = new Sequential(new Conv2d(1, 2, 3), new Conv2d(2, 1, 3));
  const layer = model.at(0) as Layer;
  const x = ones([1, 1, 8, 8]);
  const names = () => [...model.namedParameters().keys()];
  const before = names();
  const { result, outputs } = recordOutputs(layer, () => [model.forward(x), model.forward(x)]);
  assert.equal(outputs.length, 2);
  assert.deepEqual(outputs[0]!.shape, [1, 2, 6, 6]);
  assert.equal(result.length, 2);
  assert.throws(() => recordOutputs(layer, () => assert.fail("thrown")), /thrown/);
  assert.ok(!Object.hasOwn(layer, "forward"));
  assert.deepEqual(names(), before);
  using idle = new Linear(1, 1);
  assert.deepEqual(recordOutputs(idle, () => 7).outputs, []);
});

leakFree("the formula by hand: two maps, weights the means of their gradients, positive part", () => {
  const of = (values: number[]): Tensor => fromTypedArray(Float32Array.from(values), [1, 2, 1, 3]);
  const maps = { activation: of([1, 2, 3, -4, 5, 1]), gradient: of([3, 0, 0, 1, 1, -5]) };
  // Weights 1 and -1: 1 + 4, 2 - 5, 3 - 1; with a batch norm's negative part off: 1 - 0.
  const cam = (rectified: boolean) => scope(() => classActivation(maps, rectified).toArray());
  assert.deepEqual(cam(false), [5, 0, 2]);
  assert.deepEqual(cam(true), [1, 0, 2]);
});

for (const name of ["efficientnet_lite0", "convnext_tiny", "densenet121", "vit_small"])
  leakFree(`${name}: the default layer has maps, which the class depends on`, () => {
    scope(() => {
      using model = createSliceModel({ model: name, dropout: 0 }, 2, [64, 64]);
      model.eval();
      const { module } = targetLayer(model, [64, 64], null);
      const x = fromTypedArray(
        Float32Array.from({ length: 3 * 64 * 64 }, (_, k) => Math.sin(k)),
        [1, 3, 64, 64],
      );
      const { result, outputs } = recordOutputs(module as Layer, () => model.forward(x));
      assert.equal(outputs[0]!.dim, 4);
      const [gradient] = grad([result.select(1, 0).sum()], [outputs[0]!]);
      assert.ok(gradient!.abs().sum().item() > 0);
    });
  });
