/** Optimisers over 50 steps, saving, clipping. */
import assert from "node:assert/strict";
import { functional, liveTensors, scope, type Tensor } from "../../src/index.js";
import { Parameter } from "../../src/nn/index.js";
import {
  Adam,
  AdamW,
  clipGradNorm,
  clipGradValue,
  OptimizerStateError,
  SGD,
  type Optimizer,
  type OptimizerState,
} from "../../src/optim/index.js";
import { expectClose, leakTest, scopedTest, loadFixture, toTensor, type TensorJson } from "../support.js";

interface Weights {
  weight: Parameter;
  bias: Parameter;
  late: Parameter;
}
type Saved = Record<keyof Weights, TensorJson>;
interface Fixture {
  x: TensorJson;
  y: TensorJson;
  start: Saved;
  runs: Record<string, { losses: number[]; states: Saved[] }>;
  clips: {
    most: number;
    norm: number;
    gradients: TensorJson[];
    clipped: TensorJson[];
    clippedValues: TensorJson[];
  }[];
}
const fixture = loadFixture<Fixture>("optim/trajectories");
const TOLERANCE = 1e-10;

const all = ({ weight, bias, late }: Weights) => [weight, bias, late];
const makers: Record<string, (weights: Weights) => Optimizer> = {
  Adam: (w) => new Adam(all(w), { learningRate: 0.03 }),
  "Adam, options": (w) =>
    new Adam(all(w), { learningRate: 0.02, betas: [0.8, 0.95], eps: 1e-6, weightDecay: 0.1 }),
  AdamW: (w) => new AdamW(all(w), { learningRate: 0.03 }),
  "AdamW, decay 0.2": (w) => new AdamW(all(w), { learningRate: 0.03, weightDecay: 0.2 }),
  SGD: (w) => new SGD(all(w), { learningRate: 0.05 }),
  "SGD, momentum": (w) => new SGD(all(w), { learningRate: 0.02, momentum: 0.9 }),
  "SGD, momentum, dampening, decay": (w) =>
    new SGD(all(w), { learningRate: 0.02, momentum: 0.8, dampening: 0.3, weightDecay: 0.05 }),
  "SGD, Nesterov, decay": (w) =>
    new SGD(all(w), { learningRate: 0.02, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  "Adam, groups": ({ weight, bias, late }) =>
    new Adam([{ parameters: [weight] }, { parameters: [bias, late], learningRate: 0.1, weightDecay: 0.3 }], {
      learningRate: 0.01,
    }),
  "Adam, rate of each step": (w) => new Adam(all(w), { learningRate: 0.03 }),
};
const rateOf = (name: string, step: number) =>
  name === "Adam, rate of each step" ? 0.05 / (1 + step) : undefined;

function start(): Weights {
  const made = (json: TensorJson) => new Parameter(toTensor(json));
  return {
    weight: made(fixture.start.weight),
    bias: made(fixture.start.bias),
    late: made(fixture.start.late),
  };
}

/** `late` takes part in every third step only: then the others are steps ahead of it. */
function lossOf({ weight, bias, late }: Weights, step: number): Tensor {
  const y = functional.linear(toTensor(fixture.x), weight, bias).tanh();
  const loss = functional.mseLoss(y, toTensor(fixture.y));
  return step % 3 === 2 ? loss.add(late.sub(1).pow(4).sum()) : loss;
}

function trainStep(weights: Weights, optimizer: Optimizer, step: number, rate?: number): number {
  return scope(() => {
    optimizer.zeroGrad();
    const loss = lossOf(weights, step);
    loss.backward();
    optimizer.step(rate);
    return loss.item();
  });
}

const disposeAll = (tensors: Iterable<Tensor>) => [...tensors].forEach((tensor) => tensor.dispose());

for (const [name, { losses, states }] of Object.entries(fixture.runs)) {
  leakTest(`${name}: 50 steps equal PyTorch's (fixtures/optim/trajectories.py)`, () => {
    const weights = start();
    using optimizer = makers[name]?.(weights);
    assert.ok(optimizer !== undefined, "a maker for the run");
    losses.forEach((expected, step) => {
      const loss = trainStep(weights, optimizer, step, rateOf(name, step));
      assert.ok(
        Math.abs(loss - expected) <= TOLERANCE * (1 + expected),
        `loss of step ${step}: expected ${expected}, received ${loss}`,
      );
      const state = states[Math.floor(step / 10)];
      if (step % 10 !== 9 || state === undefined) return;
      expectClose(weights.weight, state.weight, TOLERANCE, "weight");
      expectClose(weights.bias, state.bias, TOLERANCE, "bias");
      expectClose(weights.late, state.late, TOLERANCE, "late");
    });
    disposeAll(all(weights));
  });

  leakTest(
    `${name}: saved after 20 steps and restored, it goes on bit for bit like the run that was not stopped`,
    () => {
      const weights = start();
      using optimizer = makers[name]?.(weights);
      assert.ok(optimizer !== undefined);
      for (let step = 0; step < 20; step++) trainStep(weights, optimizer, step, rateOf(name, step));
      const saved = scope(() => copyOf(optimizer.stateDict()));
      const again = { weight: copy(weights.weight), bias: copy(weights.bias), late: copy(weights.late) };
      using restored = makers[name]?.(again);
      assert.ok(restored !== undefined);
      restored.loadStateDict(saved);
      disposeAll(saved.tensors.values());
      for (let step = 20; step < 40; step++) {
        const rate = rateOf(name, step);
        assert.equal(
          trainStep(again, restored, step, rate),
          trainStep(weights, optimizer, step, rate),
          `loss of step ${step}`,
        );
      }
      all(weights).forEach((parameter, k) => expectClose(all(again)[k] ?? parameter, parameter, 0));
      disposeAll([...all(weights), ...all(again)]);
    },
  );
}

const copy = (parameter: Parameter) => scope(() => new Parameter(parameter.detach().clone()));

/** As a file would keep it: the numbers through JSON, the tensors by value. */
function copyOf({ tensors, numbers }: OptimizerState): OptimizerState {
  return {
    tensors: new Map([...tensors].map(([name, tensor]) => [name, tensor.clone()])),
    numbers: JSON.parse(JSON.stringify(numbers)) as Record<string, number>,
  };
}

scopedTest("a state of another model is refused with each problem named, and nothing is changed", () => {
  const weights = start();
  using optimizer = new Adam(all(weights));
  trainStep(weights, optimizer, 2);
  const before = copyOf(optimizer.stateDict());
  const { tensors, numbers } = copyOf(before);
  const bias = tensors.get("1.exp_avg");
  assert.ok(bias !== undefined);
  tensors.set("0.exp_avg", bias).set("7.exp_avg", bias).delete("2.exp_avg_sq");
  assert.throws(
    () => optimizer.loadStateDict({ tensors, numbers: { ...numbers, "1.step": 0 } }),
    (error: unknown) => {
      assert.ok(error instanceof OptimizerStateError);
      assert.deepEqual(error.problems, [
        "0.exp_avg: expected shape [3, 4], received [3]",
        "1.step: expected a whole number >= 1, received 0",
        "2.exp_avg_sq: expected shape [3], received none",
        "7.exp_avg: does not belong to this optimiser",
      ]);
      return true;
    },
  );
  for (const [name, tensor] of optimizer.stateDict().tensors)
    expectClose(tensor, before.tensors.get(name) ?? tensor, 0, name);
  disposeAll(all(weights));
});

leakTest(
  "state keeps the layout of channels_last parameters, and its tensors outlive scopes until dispose()",
  () => {
    const weights = start();
    const kernel = new Parameter(
      toTensor({ dtype: "float32", shape: [2, 3, 2, 2], data: Array.from({ length: 24 }, (_, i) => i / 24) }),
    );
    scope(() => kernel.setData(kernel.to({ memoryFormat: "channels_last" })));
    const before = liveTensors();
    const optimizer = new AdamW([kernel]);
    scope(() => {
      kernel.square().sum().backward();
      optimizer.step();
    });
    assert.equal(liveTensors(), before + 2);
    scope(() => {
      const formats = [...optimizer.stateDict().tensors.values()].map(({ memoryFormat }) => memoryFormat);
      assert.deepEqual(formats, ["channels_last", "channels_last"]);
    });
    optimizer.dispose();
    assert.equal(liveTensors(), before);
    disposeAll([kernel, ...all(weights)]);
  },
);

leakTest("wrong options are named", () => {
  const weights = start();
  assert.throws(() => new Adam([]), /parameters: expected at least one/);
  assert.throws(() => new Adam([weights.bias, weights.bias]), /received one twice/);
  assert.throws(
    () => new Adam(all(weights), { learningRate: -1 }),
    /learningRate: expected a finite number >= 0, received -1/,
  );
  assert.throws(() => new Adam(all(weights), { betas: [0.9, 1] }), /betas: expected two numbers/);
  assert.throws(
    () => new SGD(all(weights), { learningRate: 0.1, nesterov: true }),
    /nesterov: expected momentum above 0/,
  );
  assert.throws(() => new SGD(all(weights), { learningRate: 0.1 }).step(NaN), /learningRate/);
  disposeAll(all(weights));
});

for (const { most, norm, gradients, clipped, clippedValues } of fixture.clips) {
  scopedTest(
    `gradients clipped to norm ${most} and value ${most / 2} equal PyTorch's (fixtures/optim/trajectories.py)`,
    () => {
      const parameters = gradients.map((json) => toTensor(json));
      const setGradients = () =>
        parameters.forEach(
          (parameter, k) =>
            (parameter.grad = toTensor(gradients[k] ?? { dtype: "float64", shape: [], data: [] })),
        );
      const expectGradients = (expected: TensorJson[]) =>
        expected.forEach((json, k) =>
          expectClose(parameters[k]?.grad ?? toTensor(json, "int64"), json, 1e-14),
        );
      setGradients();
      assert.ok(Math.abs(clipGradNorm(parameters, null) - norm) < 1e-12 * norm, "null measures");
      expectGradients(gradients);
      assert.ok(Math.abs(clipGradNorm(parameters, most) - norm) < 1e-12 * norm);
      expectGradients(clipped);
      setGradients();
      clipGradValue(parameters, most / 2);
      expectGradients(clippedValues);
    },
  );
}
