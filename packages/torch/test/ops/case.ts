/** Runs one case of fixtures/ops: the op forward, then the gradient of sum(output * cotangent), both against PyTorch's. */
import assert from "node:assert/strict";
import * as torch from "../../src/index.js";
import { Tensor } from "../../src/index.js";
import { expectClose, toTensor, type TensorJson } from "../support.js";

export interface OpCase {
  op: string;
  name: string;
  args: unknown[];
  outputs: TensorJson[];
  /** One an argument that asks for a gradient; empty where the op has none. */
  gradients: (TensorJson | null)[];
  seed?: number;
  /** What the op left in argument tensors, by their order; the others must stay as they were. */
  changed?: Record<string, TensorJson>;
}
type Callable = (...args: unknown[]) => unknown;

/** The function behind an op's name: of functional.ts, a Tensor method, or an export of the index. */
export function callOp(op: string, args: unknown[]): unknown {
  const named = (from: object): Callable | undefined => (from as Record<string, Callable>)[op];
  const free = named(torch.functional) ?? named(torch);
  if (free !== undefined) return free(...args);
  const [self, ...rest] = args;
  assert.ok(self instanceof Tensor, `${op}: neither a function nor a Tensor method`);
  const method = named(self);
  assert.ok(method !== undefined, `${op} does not exist`);
  return method.apply(self, rest);
}

interface Watch {
  forward: () => void;
  gradient: () => void;
}

interface Argument {
  tensor: Tensor;
  given: TensorJson;
  grad: boolean;
}

function build(value: unknown, found: Argument[]): unknown {
  if (Array.isArray(value)) return value.map((item) => build(item, found));
  if (typeof value !== "object" || value === null) return value;
  if ("undefined" in value) return undefined;
  if ("number" in value) return value.number === "-inf" ? -Infinity : Infinity;
  if ("tensor" in value) {
    const given = value.tensor as TensorJson & { grad: boolean };
    const tensor = toTensor(given);
    if (given.grad) tensor.requiresGrad_();
    found.push({ tensor, given, grad: given.grad });
    return tensor;
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, build(item, found)]));
}

/** The arguments of a case as its op takes them. */
export function buildArguments(test: OpCase, found: Argument[] = []): unknown[] {
  const args = test.args.map((value) => build(value, found));
  // A leaf cannot change in place, so such ops get a copy, on both sides.
  if (test.op.endsWith("_") && args[0] instanceof Tensor) args[0] = args[0].clone();
  return args;
}

function tensorsOf(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result];
  return Object.values(result as object).flatMap(tensorsOf);
}

function cotangent(output: Tensor): Tensor {
  const values = Float64Array.from({ length: output.numel }, (_, i) => (((i * 29 + 7) % 61) - 30) / 16);
  return torch.fromTypedArray(values, output.shape, { dtype: output.dtype });
}

/** @param watch told before the gradient and after all: which addon functions ran in which half */
export function runCase(test: OpCase, watch: Watch): void {
  torch.scope(() => checkCase(test, watch));
}

function checkCase(test: OpCase, watch: Watch): void {
  const found: Argument[] = [];
  const args = buildArguments(test, found);
  if (test.seed !== undefined) torch.manualSeed(test.seed);
  const outputs = tensorsOf(callOp(test.op, args));
  assert.equal(outputs.length, test.outputs.length, "number of outputs");
  const tolerance = test.seed === undefined ? 1e-11 : 1e-12;
  test.outputs.forEach((expected, k) => {
    const output = outputs[k];
    assert.ok(output !== undefined);
    assert.equal(output.dtype, expected.dtype, `output ${k}: dtype`);
    expectClose(output, expected, expected.dtype === "float32" ? 1e-6 : tolerance, `output ${k}`);
  });
  found.forEach(({ tensor, given }, k) =>
    expectClose(tensor, test.changed?.[k] ?? given, tolerance, `argument ${k} afterwards`),
  );
  watch.forward();

  const wanted = found.filter((argument) => argument.grad);
  if (test.gradients.length === 0) {
    if (wanted.length > 0)
      assert.ok(
        outputs.every((output) => !output.requiresGrad),
        "no gradient in PyTorch",
      );
    return;
  }
  const useful = outputs.filter((output) => output.requiresGrad);
  const [first, ...rest] = useful.map((output) => output.mul(cotangent(output)).sum());
  assert.ok(first !== undefined, "an output with a gradient");
  const total = rest.reduce((sum, term) => sum.add(term), first);
  total.backward();
  wanted.forEach(({ tensor }, k) => {
    const expected = test.gradients[k] ?? null;
    const { grad } = tensor;
    if (expected === null)
      assert.ok(grad === null || grad.norm().item() === 0, `gradient ${k}: none in PyTorch`);
    else {
      assert.ok(grad !== null, `gradient ${k}: missing`);
      expectClose(grad, expected, expected.dtype === "float32" ? 1e-6 : 1e-10, `gradient ${k}`);
    }
  });
  watch.gradient();
}
