/** Every layer in float64: outputs, gradients of inputs and parameters, buffers, state-dict names. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { autocast, fromTypedArray, manualSeed, scope, tensor, type Tensor } from "../../src/index.js";
import type * as nn from "../../src/nn/index.js";
import { LayerNorm } from "../../src/nn/index.js";
import { expectClose, leakTest, loadFixture, toTensor, type TensorJson } from "../support.js";
import { layerTable, type LayerCase } from "./layer-table.js";

const TOLERANCE = 1e-11;
const cases = loadFixture<LayerCase[]>("nn/layers");
const padding = () =>
  tensor(
    [
      [0, 0, 1, 1],
      [0, 0, 0, 1],
    ],
    { dtype: "bool" },
  );
const table = layerTable(padding);
const tableName = (name: string) => name.replace(/, (train|eval)$/, "");

/** sum(y * sin(1 + 0.7 i)), as fixtures/nn/layers.py has it. */
function weighted(y: Tensor): Tensor {
  const weights = Float64Array.from({ length: y.numel }, (_, i) => Math.sin(1 + 0.7 * i));
  return y.mul(fromTypedArray(weights, y.shape)).sum();
}

function load(module: nn.Module, state: Record<string, TensorJson>): void {
  assert.deepEqual(
    [...module.stateDict()].map(([name, { shape, dtype }]) => [name, shape, dtype]),
    facts(state),
  );
  module.loadStateDict(new Map(Object.entries(state).map(([name, json]) => [name, toTensor(json)])));
}

const facts = (state: Record<string, TensorJson>) =>
  Object.entries(state).map(([name, { shape, dtype }]) => [name, shape, dtype]);

function check(layerCase: LayerCase): void {
  const make = table[tableName(layerCase.name)];
  assert.ok(make !== undefined, "the layer table has no such case");
  const called = make();
  const { module } = called;
  module.to({ dtype: "float64" }).train(layerCase.train);
  load(module, layerCase.state);
  const inputs = layerCase.inputs.map((json) => toTensor(json));
  for (const input of inputs) if (input.dtype === "float64") input.requiresGrad_();
  if (layerCase.seed !== null) manualSeed(layerCase.seed);
  const outputs = called.forward(inputs);
  const [first, ...others] = outputs.map(weighted);
  others.reduce((sum, more) => sum.add(more), first ?? tensor(0)).backward();

  assert.equal(outputs.length, layerCase.outputs.length);
  layerCase.outputs.forEach((json, k) =>
    expectClose(outputs[k] ?? tensor(0), json, TOLERANCE, `output ${k}`),
  );
  layerCase.inputGradients.forEach((json, k) => expectGradient(inputs[k], json, `gradient of input ${k}`));
  const parameters = module.namedParameters();
  assert.deepEqual([...parameters.keys()], Object.keys(layerCase.parameterGradients));
  for (const [name, parameter] of parameters)
    expectGradient(parameter, layerCase.parameterGradients[name] ?? null, `gradient of ${name}`);
  const buffers = module.namedBuffers();
  assert.deepEqual([...buffers.keys()], Object.keys(layerCase.buffers));
  for (const [name, buffer] of buffers)
    expectClose(
      buffer,
      layerCase.buffers[name] ?? { shape: [], data: [], dtype: "float64" },
      TOLERANCE,
      name,
    );
  module.dispose();
}

function expectGradient(of: Tensor | undefined, expected: TensorJson | null, what: string): void {
  const gradient = of?.grad ?? null;
  if (expected === null || gradient === null) assert.equal(gradient, expected, what);
  else expectClose(gradient, expected, TOLERANCE, what);
}

for (const layerCase of cases) {
  leakTest(
    `${layerCase.name}: outputs, gradients, buffers and state names equal PyTorch's (fixtures/nn/layers.py)`,
    () => {
      scope(() => check(layerCase));
    },
  );
}

leakTest("LayerNorm of half precision with whole weights gives the values and gradients of float32", () => {
  scope(() => {
    using norm = new LayerNorm(5);
    const x = tensor([[0.5, -1, 2, 8, -3]], { dtype: "bfloat16" });
    const [half, whole] = [x, x.to({ dtype: "float32" })].map((input) => {
      norm.zeroGrad();
      const y = autocast({}, () => norm.forward(input));
      weighted(y.to({ dtype: "float64" })).backward();
      return [y, norm.weight?.grad ?? tensor(0)];
    });
    assert.equal(half?.[0]?.dtype, "float32");
    half?.forEach((value, k) => expectClose(value, whole?.[k] ?? tensor(0), 0, `value ${k}`));
  });
});

test("every layer of the table has a case in fixtures/nn/layers.json", () => {
  const covered = new Set(cases.map(({ name }) => tableName(name)));
  assert.deepEqual(
    Object.keys(table).filter((name) => !covered.has(name)),
    [],
  );
});
