/** Contracts of small models, volumes of random voxels, and an exported graph beside the engine on them. */
import assert from "node:assert/strict";
import { liveTensors, manualSeed, rand, scope, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { SGD } from "@slicestack/torch/optim";
import { Random } from "@slicestack/stats";
import type { StoreArray, StoreDtype } from "../../src/data/store.js";
import { exportOnnx, type ExportedOnnx, type ExportOnnxOptions } from "../../src/export/onnx.js";
import { memorySource } from "../../src/input/source.js";
import { modelSpecSchema, type ModelSpec } from "../../src/models/spec.js";
import { isNetwork, openModel, type OpenModel } from "../../src/predict/open-model.js";
import type { Predicted } from "../../src/predict/prediction.js";
import { predictorOf } from "../../src/predict/predictor.js";
import { Runtime, type Plain } from "./runtime.js";

export interface Facts {
  classes?: number;
  /** Of the stored slices, and of what the model sees. */
  stored?: [number, number];
  size?: [number, number];
  depth?: number;
  dtype?: StoreDtype;
  neighbours?: number;
  planes?: "axial" | "three";
  windows?: [number, number][];
  margin?: number;
  ordinal?: boolean;
}

const common = ({ classes = 2, stored = [32, 40], depth = 8, dtype = "int16", ordinal = false }: Facts) => ({
  format: "slicestack model",
  version: 2,
  name: "small",
  classes: { names: Array.from({ length: classes }, (_, k) => `grade ${k}`), ordinal },
  prepared: {
    recipe: { size: stored },
    height: stored[0],
    width: stored[1],
    depths: [depth, depth],
    dtype,
    unit: "HU",
    range: [-1024, 3071],
  },
  trainedOn: null,
});

const values = ({ windows = [[-1000, 400]], margin = 0 }: Facts) => ({
  windows,
  margin,
  air: 0,
  mean: 0.4,
  std: 0.3,
});

const sliceInput = (facts: Facts) => ({
  ...values(facts),
  neighbours: facts.neighbours ?? 1,
  planes: facts.planes ?? "axial",
  size: facts.size ?? [32, 32],
});

const loss = ({ ordinal = false }: Facts) => (ordinal ? "ordinal" : "cross_entropy");

const trunkOf = (name: string, facts: Facts) => ({ name, dropout: 0.1, loss: loss(facts) });

export function sliceSpec(trunk: string, vote: { rule: string; k: number }, facts: Facts = {}): ModelSpec {
  return modelSpecSchema.parse({
    ...common(facts),
    method: "2d",
    input: sliceInput(facts),
    trunk: trunkOf(trunk, facts),
    vote,
  });
}

export interface HeadFacts {
  name: string;
  sampled?: number | null;
  options?: object;
}

export function stackSpec(
  trunk: string,
  { name, sampled = null, options = {} }: HeadFacts,
  facts: Facts = {},
): ModelSpec {
  const seen = Math.min(sampled ?? Infinity, (facts.depth ?? 8) * (facts.planes === "three" ? 3 : 1));
  return modelSpecSchema.parse({
    ...common(facts),
    method: "2.5d",
    input: sliceInput(facts),
    trunk: trunkOf(trunk, facts),
    vote: { rule: "mean", k: 8 },
    head: { name, options, dropout: 0.1, loss: loss(facts), slices: seen, sampled },
    isFineTuned: false,
  });
}

export function volumeSpec(
  network: string,
  size: [number, number, number],
  fit: "resize" | "pad",
  facts: Facts = {},
): ModelSpec {
  return modelSpecSchema.parse({
    ...common(facts),
    method: "3d",
    input: { ...values(facts), size, fit },
    network: { name: network, dropout: 0.1, loss: loss(facts), batch: 2 },
  });
}

/** Steps of training on noise: weights and running statistics are then not those that models start from. */
function trainABit(module: Module, forward: () => Tensor, steps: number): void {
  module.train();
  using optimizer = new SGD(
    module.parameters().filter((one) => one.requiresGrad),
    { learningRate: 0.01, momentum: 0.9 },
  );
  for (let step = 0; step < steps; step++)
    scope(() => {
      forward().square().mean().backward();
      optimizer.step();
      optimizer.zeroGrad();
    });
  module.eval();
}

/** A model of drawn weights after a few steps. */
export function opened(spec: ModelSpec, steps = 1): OpenModel {
  manualSeed(7);
  const model = openModel(spec, null, "cpu");
  if (isNetwork(model)) {
    const [height, width, depth] = model.network.size;
    trainABit(model.network, () => model.network.forward(rand([2, 1, height, width, depth])), steps);
    return model;
  }
  const { trunk, head } = model;
  if (spec.method === "3d") throw new TypeError("expected slices");
  const [height, width] = spec.input.size;
  trainABit(trunk, () => trunk.forward(rand([4, trunk.channels, height, width])), steps);
  if (head !== null && head.sees === "embedding" && spec.method === "2.5d") {
    const shape = [2, spec.head.slices];
    trainABit(
      head,
      () => head.forward(rand([...shape, trunk.embedding]), rand(shape).ge(0)).logits_BK,
      steps,
    );
  }
  return model;
}

/** Volumes of `depth` slices each, of HU between air and bone in smooth blobs and noise. */
export function voxelsOf({ prepared }: ModelSpec, count: number, depth: number, seed = 5): StoreArray[] {
  const random = new Random(seed);
  const { height, width, dtype } = prepared;
  const length = depth * height * width;
  const value = () =>
    dtype === "uint8"
      ? random.integer(0, 255)
      : dtype === "uint16"
        ? random.integer(0, 60000)
        : random.integer(-1100, 900);
  return Array.from({ length: count }, (): StoreArray => {
    if (dtype === "uint8") return Uint8Array.from({ length }, value);
    if (dtype === "uint16") return Uint16Array.from({ length }, value);
    if (dtype === "float32") return Float32Array.from({ length }, value);
    return Int16Array.from({ length }, value);
  });
}

export function inEngine(model: OpenModel, voxels: readonly StoreArray[], depth: number): Predicted {
  const { height, width, dtype } = model.spec.prepared;
  const source = memorySource(
    { height, width, dtype },
    voxels.map((one) => ({ voxels: one, count: depth, spacing: [1, 1, 1] as const })),
  );
  using predictor = predictorOf(model, source, { device: "cpu", bfloat16: false });
  return predictor.predict(voxels.map((_, k) => ({ id: `v${k}`, first: k * depth, count: depth })));
}

export function asInput({ prepared }: ModelSpec, voxels: readonly StoreArray[], depth: number): Plain {
  const { height, width, dtype } = prepared;
  const length = depth * height * width;
  const first = voxels[0]!;
  const data =
    first.constructor === Float32Array
      ? new Float32Array(length * voxels.length)
      : new (first.constructor as typeof Int16Array)(length * voxels.length);
  voxels.forEach((one, k) => data.set(one, k * length));
  return { type: dtype, data, shape: [voxels.length, depth, height, width] };
}

export const bytesOf = ({ parts }: ExportedOnnx): Buffer => Buffer.concat(parts);

export function near(
  found: readonly number[],
  expected: readonly number[],
  tolerance: number,
  what: string,
): void {
  assert.equal(found.length, expected.length, `${what}: count`);
  const apart = found.map((value, k) => Math.abs(value - expected[k]!));
  const largest = Math.max(...apart);
  assert.ok(largest <= tolerance, `${what}: largest difference ${largest} above ${tolerance}`);
}

const TOLERANCE = 1e-4;

/** The graph of a whole model gives the engine's probabilities and slice weights, at these numbers of volumes and slices. */
export async function sameAsEngine(
  spec: ModelSpec,
  sizes: readonly [volumes: number, slices: number][],
  { steps = 1, ...options }: Partial<ExportOnnxOptions> & { steps?: number } = {},
): Promise<ExportedOnnx> {
  const before = liveTensors();
  using model = opened(spec, steps);
  const exported = exportOnnx(model, { calibration: null, ...options });
  await using runtime = await Runtime.open(bytesOf(exported));
  for (const [count, depth] of sizes) {
    const voxels = voxelsOf(spec, count, depth);
    const { models, slices, evidence } = inEngine(model, voxels, depth);
    const found = await runtime.run({ voxels: asInput(spec, voxels, depth) });
    const what = `${count} x ${depth}`;
    if (models.length > 0)
      near(found["probabilities"]!.values, models.at(-1)!.probabilities.flat(), TOLERANCE, what);
    else near(found["slice_probabilities"]!.values, [...slices!.probabilities], TOLERANCE, `${what}: slices`);
    const weights = evidence.flatMap((one) => one.weights ?? []);
    assert.equal(weights.length > 0, found["slice_weights"] !== undefined, "slice weights");
    if (weights.length > 0)
      near(found["slice_weights"]!.values, weights, TOLERANCE, `${what}: slice weights`);
  }
  model[Symbol.dispose]();
  assert.equal(liveTensors(), before, "live tensors");
  return exported;
}
