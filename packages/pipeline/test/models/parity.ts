/** What fixtures/models/*.py wrote of PyTorch's models, and how ours are held against it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  fromTypedArray,
  functional as F,
  liveBytes,
  manualSeed,
  noGrad,
  scope,
  zeros,
  type DType,
  type Tensor,
} from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { traceProducts, traceShapes } from "@slicestack/torch/trace";
import { product } from "../../src/models/common/input-sizes.js";
import { maskOf } from "./support.js";

/** The norm, and three entries at places that both sides compute. */
export type Sampled = [norm: number, ...entries: number[]];

export interface ParityCase {
  name: string;
  options: Record<string, unknown>;
  classes: number;
  shape: number[];
  /** Slices that exist of each volume, for heads. */
  mask: number[] | null;
  state: Record<string, number[]>;
  parameters: number;
  /** Multiply-adds of a forward pass over the whole batch. */
  products: number;
  logits: number[];
  weights: number[] | null;
  loss: number;
  inputGradient: Sampled | null;
  gradients: Record<string, Sampled | null>;
  /** Logits in evaluation, after one step of batch norm statistics. */
  evaluated: number[];
  /** Logits in training with dropout drawn from seed 77. */
  dropped: { options: Record<string, number>; logits: number[] } | null;
}

/** A model, and what it makes of an input. */
export interface Called {
  model: Module;
  forward: (x: Tensor, mask: Tensor | null) => { logits: Tensor; weights: Tensor | null };
}

export type Make = (of: ParityCase, options: Record<string, unknown>) => Called;

/** The repository: this file runs from packages/pipeline/dist/test/models. */
const fixtures = join(import.meta.dirname, "../../../../../fixtures/models");

export function parityCases(file: string): ParityCase[] {
  return JSON.parse(readFileSync(join(fixtures, `${file}.json`), "utf8")) as ParityCase[];
}

const period = 65521;

/** -1..1 from integers alone, as fixtures/models/_parity.py has it; its values repeat after 65521. */
export function scatter(shape: readonly number[], key: number): Tensor {
  const count = product(shape);
  const once = Float64Array.from(
    { length: Math.min(count, period) },
    (_, i) => ((i ** 2 * 17 + i * 7919 + key * 104729) % period) / 32760 - 1,
  );
  const repeated = fromTypedArray(once).repeat(Math.ceil(count / period));
  return repeated.narrow(0, 0, count).reshape(...shape);
}

const sortedByName = (tensors: Map<string, Tensor>) => [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));

export function fill(model: Module): void {
  const set = (tensor: Tensor, key: number, factor: number, start: number) =>
    scope(() => noGrad(() => void tensor.copy_(scatter(tensor.shape, key)).mul_(factor).add_(start)));
  sortedByName(model.namedParameters()).forEach(([name, parameter], key) => {
    if (parameter.dim > 1) set(parameter, key, Math.sqrt(6 / (parameter.numel / parameter.size(0))), 0);
    else set(parameter, key, 0.1, name.endsWith("weight") ? 1 : 0);
  });
  sortedByName(model.namedBuffers()).forEach(([name, buffer], key) => {
    if (buffer.dtype !== "int64") set(buffer, 3000 + key, 0.1, name.endsWith("running_var") ? 1 : 0);
  });
}

export function inputsOf({ shape, mask }: ParityCase, dtype: DType): { x: Tensor; mask: Tensor | null } {
  return { x: scatter(shape, 1000).to({ dtype }), mask: mask === null ? null : maskOf(mask, shape[1] ?? 0) };
}

export function sampled(tensor: Tensor): Sampled {
  const flat = tensor.flatten();
  return [flat.norm().item(), ...[0, 1, 2].map((j) => flat.select(0, (7919 * j + 13) % flat.numel).item())];
}

export interface Tolerance {
  /** Of a value to its own size. */
  relative: number;
  /** Of a value to the largest of its kind: what rounding leaves of a sum that is zero. */
  ofLargest: number;
}

/** |found - wanted| <= relative · |wanted| + ofLargest · scale */
export function expectNear(
  found: number,
  wanted: number,
  scale: number,
  tolerance: Tolerance,
  what: string,
): void {
  const allowed = tolerance.relative * Math.abs(wanted) + tolerance.ofLargest * scale;
  assert.ok(
    Math.abs(found - wanted) <= allowed,
    `${what}: expected ${wanted}, received ${found}, difference ${Math.abs(found - wanted)} above ${allowed}`,
  );
}

export function expectAllNear(found: number[], wanted: number[], tolerance: Tolerance, what: string): void {
  assert.equal(found.length, wanted.length, `${what}: count`);
  const scale = Math.max(...wanted.map(Math.abs));
  wanted.forEach((value, k) => expectNear(found[k] ?? NaN, value, scale, tolerance, `${what} ${k}`));
}

/**
 * Makes a case's model and holds everything that the fixture knows against it, in each dtype to its tolerance; last in
 * float32, in which its cost is measured.
 */
export function checkParity(
  of: ParityCase,
  make: Make,
  tolerances: [...[DType, Tolerance][], ["float32", Tolerance]],
): void {
  const called = make(of, of.options);
  using model = called.model;
  assert.deepEqual(
    Object.fromEntries([...model.stateDict()].map(([name, { shape }]) => [name, shape])),
    of.state,
    "names and shapes of the state dict",
  );
  assert.equal(model.parameterCount(), of.parameters);
  for (const [dtype, tolerance] of tolerances) scope(() => checkStep(of, called, dtype, tolerance));
  model.zeroGrad();
  checkCost(of, make, called);
}

/** The products and the bytes of a training step's forward pass: PyTorch's count, the engine's, and those of shapes alone. */
function checkCost(of: ParityCase, make: Make, made: Called): void {
  const measure = ({ model, forward }: Called) =>
    scope(() => {
      model.train();
      const before = liveBytes();
      const mask = of.mask === null ? null : maskOf(of.mask, of.shape[1] ?? 0);
      const target = zeros([of.shape[0] ?? 1], { dtype: "int64" });
      const loss = F.crossEntropy(forward(zeros(of.shape), mask).logits, target);
      return { bytes: liveBytes() - before, loss: loss.shape };
    });
  const fresh = () => {
    // A mask of maps_3d is read, which shapes alone cannot; it changes no product.
    const called = make(of, { ...of.options, depths: undefined });
    using _model = called.model;
    return measure(called);
  };
  const real = traceProducts(() => ("depths" in of.options ? fresh() : measure(made)));
  const traced = traceShapes(fresh);
  const counted = real.products.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0);
  assert.equal(counted, of.products, "multiply-adds by PyTorch's hooks");
  assert.deepEqual(traced.products, real.products, "the products of shapes alone");
  assert.deepEqual(traced.result, real.result, "the bytes of shapes alone");
}

function checkStep(of: ParityCase, { model, forward }: Called, dtype: DType, tolerance: Tolerance): void {
  model.to({ dtype }).train();
  fill(model);
  const { x, mask } = inputsOf(of, dtype);
  x.requiresGrad_();
  const target = BigInt64Array.from({ length: of.shape[0] ?? 0 }, (_, i) => BigInt((i * 3 + 1) % of.classes));
  const { logits, weights } = forward(x, mask);
  const loss = F.crossEntropy(logits, fromTypedArray(target));
  loss.backward();
  const what = (part: string) => `${dtype}: ${part}`;
  expectAllNear(logits.toArray(), of.logits, tolerance, what("logits"));
  if (of.weights === null) assert.equal(weights, null);
  else expectAllNear(weights?.toArray() ?? [], of.weights, tolerance, what("slice weights"));
  expectNear(loss.item(), of.loss, of.loss, tolerance, what("loss"));
  checkGradients(model, x, of, tolerance, what);
  model.eval();
  const evaluated = noGrad(() => forward(x, mask)).logits;
  expectAllNear(evaluated.toArray(), of.evaluated, tolerance, what("evaluated logits"));
}

function checkGradients(
  model: Module,
  x: Tensor,
  of: ParityCase,
  tolerance: Tolerance,
  title: (part: string) => string,
): void {
  const parameters = model.namedParameters();
  assert.deepEqual([...parameters.keys()].sort(), Object.keys(of.gradients).sort());
  const largest = Math.max(...Object.values(of.gradients).map((gradient) => gradient?.[0] ?? 0));
  const check = (found: Tensor | null, wanted: Sampled | null, what: string) => {
    if (found === null || wanted === null) return assert.equal(found, wanted, what);
    sampled(found).forEach((value, k) =>
      expectNear(value, wanted[k] ?? NaN, largest, tolerance, `${what} ${k}`),
    );
  };
  for (const [name, parameter] of parameters)
    check(parameter.grad, of.gradients[name] ?? null, title(`gradient of ${name}`));
  check(x.grad, of.inputGradient, title("gradient of the input"));
}

/** Training with dropout from a seed: where each dropout stands, and what it drops. */
export function checkDropped(of: ParityCase, make: Make, tolerance: Tolerance): void {
  assert.ok(of.dropped !== null);
  const { model, forward } = make(of, { ...of.options, ...of.dropped.options });
  using _model = model;
  model.to({ dtype: "float64" });
  fill(model);
  model.train();
  const { x, mask } = inputsOf(of, "float64");
  manualSeed(77);
  expectAllNear(forward(x, mask).logits.toArray(), of.dropped.logits, tolerance, "logits with dropout");
}
