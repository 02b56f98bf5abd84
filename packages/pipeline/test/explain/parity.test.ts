/** Grad-CAM and integrated gradients against PyTorch's hooks and autograd (fixtures/explain/maps.py), in double precision. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromTypedArray, getNumThreads, scope, setNumThreads, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { gradCam } from "../../src/explain/grad-cam.js";
import { integratedGradients } from "../../src/explain/integrated-gradients.js";
import { headReadOut, SliceFunction, voteReadOut, type ReadOut } from "../../src/explain/slice-function.js";
import type { VolumeFunction } from "../../src/explain/volume-function.js";
import { VoxelFunction } from "../../src/explain/voxel-function.js";
import { createHead, createSliceModel, createVolumeModel } from "../../src/models/create-by-name.js";
import type { SliceModel } from "../../src/models/trunks/slice-model.js";
import { SliceStore } from "../../src/input/slices.js";
import { datasetSource } from "../../src/input/source.js";
import { sliceTransform, volumeTransform } from "../../src/input/of-config.js";
import { VolumeStore } from "../../src/input/volumes.js";
import { expectAllNear, expectNear, fill, sampled, scatter, type Sampled } from "../models/parity.js";
import { config, threeD, leakFree, randomDataset } from "../models/support.js";

interface MapCase {
  name: string;
  shape: number[];
  target: number;
  layer: string;
  classes: number;
  probabilities: number[];
  score: number;
  gradient: Sampled;
  cam: Sampled;
  camNorms: number[];
  integrated: Sampled;
  sum: number;
}

const file = join(import.meta.dirname, "../../../../../fixtures/explain/maps.json");
const cases = JSON.parse(readFileSync(file, "utf8")) as MapCase[];
// Two threads wait for each other on a busy machine.
const threads = getNumThreads();
setNumThreads(1);
process.on("exit", () => setNumThreads(threads));

const tight = { relative: 1e-8, ofLargest: 1e-10 };

function ofSlices(
  folder: string,
  of: MapCase,
  model: SliceModel,
  readOut: ReadOut,
): VolumeFunction & Disposable {
  const [, , height = 0, width = 0] = of.shape;
  const dataset = randomDataset(folder, [of.shape[0]!], [height, width]);
  const store = new SliceStore(datasetSource(dataset), sliceTransform(config(), dataset, "cpu"));
  prepared(model);
  if (readOut.module !== null) prepared(readOut.module);
  const made = new SliceFunction({
    trunk: model,
    readOut,
    store,
    slicesOf: (volume) => store.slicesOf(volume),
    stored: [height, width],
  });
  return owning(made, [store, model, ...(readOut.module === null ? [] : [readOut.module])]);
}

function ofVoxels(folder: string, of: MapCase, name: string): VolumeFunction & Disposable {
  const [, , height = 0, width = 0, depth = 0] = of.shape;
  const dataset = randomDataset(folder, [depth], [height, width]);
  const store = new VolumeStore(datasetSource(dataset), volumeTransform(threeD(), dataset, "cpu"));
  const model = createVolumeModel({ model: name, dropout: 0 }, of.classes, [height, width, depth]);
  prepared(model);
  return owning(new VoxelFunction({ model, store, stored: [height, width] }), [store, model]);
}

function prepared(model: Module): void {
  fill(model.to({ dtype: "float64" }));
}

const owning = (made: VolumeFunction, owned: Disposable[]): VolumeFunction & Disposable =>
  Object.assign(made, { [Symbol.dispose]: () => owned.forEach((one) => one[Symbol.dispose]()) });

const makers: Record<string, (folder: string, of: MapCase) => VolumeFunction & Disposable> = {
  "2d": (folder, of) => {
    const trunk = createSliceModel({ model: "resnet18", dropout: 0 }, of.classes, [64, 80]);
    return ofSlices(folder, of, trunk, voteReadOut(trunk));
  },
  "2.5d": (folder, of) => {
    const trunk = createSliceModel({ model: "slice_cnn", dropout: 0 }, of.classes, [24, 32]);
    const shape = { embedding: trunk.embedding, slices: 23, classes: of.classes };
    // The head is made for more slices than there are: padding must not show.
    return ofSlices(
      folder,
      of,
      trunk,
      headReadOut(trunk, createHead({ model: "attention", dropout: 0 }, shape), 23),
    );
  },
  "3d": (folder, of) => ofVoxels(folder, of, "simple"),
  volume_cnn: (folder, of) => ofVoxels(folder, of, "volume_cnn"),
};

function check(found: Tensor, wanted: Sampled, what: string): void {
  sampled(found).forEach((value, k) => expectNear(value, wanted[k] ?? NaN, wanted[0], tight, `${what} ${k}`));
}

for (const of of cases) {
  leakFree(
    `${of.name}: probabilities, gradient, Grad-CAM and integrated gradients are PyTorch's`,
    (folder) => {
      using model = makers[of.name]!(folder, of);
      const unit = scope(() => scatter(of.shape, 1000).mul(0.5).add(0.5));
      expectAllNear(model.predict(unit).probabilities_K, of.probabilities, tight, "probabilities");
      const { score, input } = model.gradient(unit, of.target, null);
      expectNear(score, of.score, 1, tight, "score");
      expectNear(model.score(unit, of.target), of.score, 1, tight, "score without gradient");
      check(input, of.gradient, "gradient");

      const cam_PHW = gradCam(model, unit, of.target, model.layer(of.layer));
      const norms = cam_PHW.unbind(0).map((plane) => plane.norm().item());
      expectAllNear(norms, of.camNorms, tight, "Grad-CAM, norm of each plane");
      const laid = of.name === "3d" ? cam_PHW.permute(1, 2, 0) : cam_PHW;
      check(laid, of.cam, "Grad-CAM");

      const baseline = unit.mul(0).add(fromTypedArray(Float64Array.of(0.25)));
      const options = { steps: 5 };
      const { attribution, sum } = integratedGradients(model, unit, baseline, of.target, options);
      check(attribution, of.integrated, "integrated gradients");
      expectNear(sum, of.sum, Math.abs(of.sum), tight, "their sum");
    },
  );
}

leakFree(
  "completeness: the attributions add up to f(x) - f(baseline), the closer the more steps",
  (folder) => {
    for (const [name, steps] of [
      ["2.5d", 32],
      ["volume_cnn", 24],
    ] as const) {
      const of = cases.find((one) => one.name === name)!;
      using model = makers[name]!(folder, of);
      const unit = scope(() => scatter(of.shape, 1000).mul(0.5).add(0.5));
      const baseline = model.baseline(unit, "air");
      const gapOf = (steps: number) =>
        scope(() => integratedGradients(model, unit, baseline, of.target, { steps }));
      const { gap, score, baselineScore, sum } = gapOf(steps);
      const wide = Math.abs(score - baselineScore);
      assert.ok(wide > 0.05, `${name}: a way to go, ${wide}`);
      assert.ok(Math.abs(gap) < 0.1 * wide, `${name}: gap ${gap} of ${wide}`);
      assert.ok(Math.abs(sum - gap - (score - baselineScore)) < 1e-9);
      assert.ok(Math.abs(gapOf(2).gap) > Math.abs(gap), `${name}: 2 steps are worse than ${steps}`);
    }
  },
);
