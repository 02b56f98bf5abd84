/** What is recorded, what is refused and how, and that nothing stays behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  arange,
  fromTypedArray,
  functional as F,
  manualSeed,
  noGrad,
  ones,
  randn,
  type Tensor,
} from "../../src/index.js";
import { BatchNorm1d, Linear, ReLU, Sequential, TransformerEncoder } from "../../src/nn/index.js";
import { onnxModel, OnnxError, recordProgram, type Recordable } from "../../src/onnx.js";
import { expectClose, leakTest } from "../support.js";
import { Runtime } from "./runtime.js";

const x = { name: "x", dtype: "float32", shape: ["B", "S", 8] } as const;
const record = (run: (x: Tensor) => Tensor, parameters: Recordable["parameters"] = new Map()) =>
  recordProgram({ inputs: [x], parameters, run: (given) => ({ y: run(given["x"]!) }) });
const refused = (run: (x: Tensor) => Tensor, message: RegExp) =>
  assert.throws(
    () => record(run),
    (error) => error instanceof OnnxError && message.test(error.message),
  );

leakTest("an op without a rule is refused by its name, before anything is written", () => {
  refused((x) => x.roll([1], [0]), /^roll: has no rule, so that a model that uses it cannot be written/);
  refused((x) => x.add_(1), /^add_: has no rule/);
  refused((x) => F.dropout(x).add(randn([1])), /^randn: has no rule/);
});

leakTest("what the values decide, and what another size would change, is refused", () => {
  refused((x) => x.mul(x.sum().item()), /^item: reads values/);
  refused((x) => (x.size(1) > 18 ? x.mul(2) : x), /a different form at another size: \d/);
  refused((x) => x.mul(x.size(1) > 18 ? 2 : 3).add(1), /^mul: argument 1: 3, 2, 2, 3 at the sizes 2 x 17, /);
  refused(
    (x) => x.add(fromTypedArray(Float32Array.from({ length: x.size(1) }, (_, k) => k)).unsqueeze(1)),
    /computed in JavaScript/,
  );
  const stranger = ones([8]);
  refused((x) => x.add(stranger), /^add: a tensor of shape \[8\] is neither an input nor a parameter/);
  stranger.dispose();
});

leakTest("modules in training mode are refused with what to do", () => {
  using drop = new Sequential(new Linear(8, 8), new BatchNorm1d(8));
  const parameters = new Map([...drop.namedParameters(), ...drop.namedBuffers()]);
  assert.throws(
    () => record((x) => drop.forward(x.select(1, 0)), parameters),
    /^OnnxError: (batchNorm|add_): /,
  );
  refused((x) => F.dropout(x, 0.5, true), /^dropout: is on; put the module into evaluation mode first/);
});

leakTest("computations one after another, with dead calls left out; the engine is as it was", () => {
  using first = new Linear(8, 4);
  const one = record((x) => {
    x.exp();
    return first.forward(x).relu();
  }, first.namedParameters());
  assert.deepEqual(
    one.calls.map(({ op }) => op),
    ["linear", "relu"],
  );
  const two = recordProgram({
    inputs: [{ name: "y", dtype: "float32", shape: ["B", "S", 4] }],
    parameters: new Map(),
    run: ({ y }) => ({ z: y!.mean(1), last: arange(0, y!.size(1)) }),
  });
  const { inputs, outputs, ops, parts, size } = onnxModel([one, two], {
    name: "chain",
    outputs: [{ name: "z" }, { name: "last" }],
  });
  assert.deepEqual(inputs, [{ name: "x", type: "float32", shape: ["B", "S", 8] }]);
  assert.deepEqual(
    outputs.map(({ name, shape }) => [name, shape]),
    [
      ["z", ["B", 4]],
      ["last", ["S"]],
    ],
  );
  assert.deepEqual(ops, [
    "Add",
    "Cast",
    "Identity",
    "MatMul",
    "Range",
    "ReduceMean",
    "Relu",
    "Shape",
    "Squeeze",
    "Transpose",
  ]);
  assert.equal(
    parts.reduce((sum, { length }) => sum + length, 0),
    size,
  );
});

test("a transformer of two layers at a length that was not recorded; in half precision near it, at half the size", async () => {
  manualSeed(1);
  using encoder = new TransformerEncoder({
    depth: 2,
    width: 8,
    heads: 2,
    feedForward: 1024,
    normFirst: true,
    finalNorm: true,
  });
  using model = new Sequential(new Linear(8, 8), new ReLU());
  encoder.eval();
  const parameters = new Map([
    ...[...encoder.namedParameters()].map(([name, value]) => [`encoder.${name}`, value] as const),
    ...model.namedParameters(),
  ]);
  const run = (x: Tensor) => encoder.forward(model.forward(x));
  const program = record(run, parameters);
  const whole = onnxModel([program], { name: "encoder", outputs: [{ name: "y" }] });
  const half = onnxModel([program], { name: "encoder", outputs: [{ name: "y" }], weights: "float16" });
  const weights = [...parameters.values()].reduce((sum, { numel }) => sum + numel * 4, 0);
  assert.ok(half.size < whole.size - 0.4 * weights, `${half.size} of ${whole.size}`);
  const given = randn([3, 50, 8]);
  const wanted = noGrad(() => run(given));
  for (const [{ parts }, tolerance] of [
    [whole, 1e-5],
    [half, 5e-3],
  ] as const) {
    await using runtime = await Runtime.open(parts);
    expectClose((await runtime.run({ x: given }))["y"]!, wanted, tolerance);
  }
});

test("a wrong size is an error of the runtime that names the input", async () => {
  const program = record((x) => x.sum(1));
  await using runtime = await Runtime.open(
    onnxModel([program], { name: "sum", outputs: [{ name: "y" }] }).parts,
  );
  await assert.rejects(runtime.run({ x: ones([2, 3, 9]) }), /invalid dimensions for input: x/i);
});
