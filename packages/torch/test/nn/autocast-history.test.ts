/**
 * libtorch keeps autocast's casts of parameters until the region ends. One that was made without recording has no history, and one
 * made before a step has the old values: neither may be used for what comes after it in the same region.
 */
import assert from "node:assert/strict";
import {
  autocast,
  noGrad,
  randn,
  scope,
  setConvolutionKernels,
  manualSeed,
  type Tensor,
} from "../../src/index.js";
import { enableGrad, grad, onesLike, zeros } from "../../src/index.js";
import * as nn from "../../src/nn/index.js";
import { AdamW, SGD } from "../../src/optim/index.js";
import { expectClose, scopedTest } from "../support.js";

/** What autocast computes in bfloat16: parameters, and one value that depends on all of them. */
interface Case {
  name: string;
  make: () => { parameters: Map<string, Tensor>; loss: () => Tensor };
}

const value = (y: Tensor) => y.to({ dtype: "float32" }).square().mean();

function ofModule(name: string, module: () => nn.Module, run: (module: never) => Tensor): Case {
  const make = () => {
    const made = module();
    return { parameters: made.namedParameters(), loss: () => value(run(made as never)) };
  };
  return { name, make };
}

function ofWeight(name: string, shape: number[], run: (weight: Tensor) => Tensor): Case {
  const make = () => {
    const weight = randn(shape).requiresGrad_();
    return { parameters: new Map([["weight", weight]]), loss: () => value(run(weight)) };
  };
  return { name, make };
}

const lastChannels = (x: Tensor) => x.to({ memoryFormat: "channels_last" });
const cases: Case[] = [
  ofModule(
    "conv1d",
    () => new nn.Conv1d(4, 6, 3),
    (m: nn.Conv1d) => m.forward(fixed([2, 4, 9])),
  ),
  ofModule(
    "conv2d",
    () => new nn.Conv2d(4, 6, 3),
    (m: nn.Conv2d) => m.forward(fixed([2, 4, 9, 9])),
  ),
  ofModule(
    "conv2d, channels last, wide enough for our own kernels",
    () => new nn.Conv2d(32, 32, 3, { padding: 1 }).to({ memoryFormat: "channels_last" }),
    (m: nn.Conv2d) => m.forward(lastChannels(fixed([2, 32, 8, 8]))),
  ),
  ofModule(
    "conv2d, groups",
    () => new nn.Conv2d(4, 8, 3, { groups: 2 }),
    (m: nn.Conv2d) => m.forward(fixed([2, 4, 9, 9])),
  ),
  ofModule(
    "conv3d",
    () => new nn.Conv3d(4, 6, 3),
    (m: nn.Conv3d) => m.forward(fixed([2, 4, 6, 6, 6])),
  ),
  ofModule(
    "linear",
    () => new nn.Linear(5, 3),
    (m: nn.Linear) => m.forward(fixed([4, 5])),
  ),
  ofModule(
    "linear on three dimensions",
    () => new nn.Linear(5, 3),
    (m: nn.Linear) => m.forward(fixed([2, 4, 5])),
  ),
  ofModule(
    "gru, two layers, both directions",
    () => new nn.GRU(5, 4, { layers: 2, bidirectional: true }),
    (m: nn.GRU) => m.forward(fixed([2, 3, 5])).output,
  ),
  ofModule(
    "attention",
    () => new nn.MultiheadAttention(8, 2),
    (m: nn.MultiheadAttention) => m.forward(fixed([2, 3, 8])).output,
  ),
  ofModule(
    "transformer layer",
    () => new nn.TransformerEncoderLayer({ width: 8, heads: 2, feedForward: 16, dropout: 0 }),
    (m: nn.TransformerEncoderLayer) => m.forward(fixed([2, 3, 8])),
  ),
  ofWeight("matmul, the weight on the right", [5, 3], (w) => fixed([4, 5]).matmul(w)),
  ofWeight("matmul, the weight on the left", [3, 4], (w) => w.matmul(fixed([4, 5]))),
  ofWeight("matmul with a vector", [5], (w) => fixed([4, 5]).matmul(w)),
  ofWeight("bmm", [2, 5, 3], (w) => fixed([2, 4, 5]).bmm(w)),
];

/** The same values whenever it is called, so that a loss can be computed again. */
function fixed(shape: number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return scope(() => zeros(shape).add(linear(count).view(...shape)));
}
const linear = (count: number) => zeros([count]).add(1).cumsum(0).mul(0.37).sin();

const gradients = (parameters: ReadonlyMap<string, Tensor>) =>
  [...parameters].map(([name, parameter]) => ({ name, gradient: parameter.grad?.toArray() ?? null }));

const kernels = ["auto", "libtorch", "tiles"] as const;
const between: [what: string, first: (loss: () => Tensor, all: Tensor[]) => void][] = [
  ["a pass under noGrad", (loss) => noGrad(loss)],
  ["a pass under noGrad in an inner autocast", (loss) => noGrad(() => autocast({}, loss))],
  [
    "a pass under noGrad, and one that records within it",
    (loss) => noGrad(() => [loss(), enableGrad(loss), loss()]),
  ],
  ["gradients of a first pass", (loss, all) => grad([loss()], all)],
  [
    "a pass with frozen parameters",
    (loss, all) => {
      for (const parameter of all) parameter.requiresGrad_(false);
      loss();
      for (const parameter of all) parameter.requiresGrad_(true);
    },
  ],
];

for (const { name, make } of cases)
  scopedTest(`${name}: after other passes in the same autocast, gradients are those of a pass alone`, () => {
    for (const choice of name.includes("conv2d") ? kernels : (["auto"] as const)) {
      const before = setConvolutionKernels(choice);
      try {
        manualSeed(3);
        const { parameters, loss } = make();
        const all = [...parameters.values()];
        autocast({}, () => loss().backward());
        const alone = gradients(parameters);
        for (const { name: parameter, gradient } of alone) assert.ok(gradient !== null, `${parameter} alone`);
        for (const [what, first] of between) {
          for (const parameter of all) parameter.grad = null;
          autocast({}, () => {
            first(loss, all);
            loss().backward();
          });
          assert.deepEqual(gradients(parameters), alone, `${choice}, after ${what}`);
        }
        for (const parameter of all) parameter.dispose();
      } finally {
        setConvolutionKernels(before);
      }
    }
  });

const steps: [what: string, change: (weight: Tensor) => void][] = [
  ["copy_", (w) => noGrad(() => w.copy_(onesLike(w)))],
  ["mul_", (w) => noGrad(() => w.mul_(3))],
  ["add_", (w) => noGrad(() => w.add_(1))],
  ["fill_", (w) => noGrad(() => w.fill_(2))],
  ["lerp_", (w) => noGrad(() => w.lerp_(onesLike(w), 0.5))],
  ["uniform_", (w) => void w.uniform_(5, 6)],
  ["normal_", (w) => void w.normal_(5, 1)],
  ["setData", (w) => w.setData(onesLike(w))],
  ["SGD", (w) => stepOf(new SGD([w], { learningRate: 3 }), w)],
  ["AdamW", (w) => stepOf(new AdamW([w], { learningRate: 3 }), w)],
];

function stepOf(optimizer: SGD | AdamW, weight: Tensor): void {
  weight.grad = onesLike(weight);
  optimizer.step();
  optimizer[Symbol.dispose]();
}

for (const [name, change] of steps)
  for (const recorded of [true, false])
    scopedTest(
      `${name}: what follows in the same autocast sees the new values (recorded: ${recorded})`,
      () => {
        const weight = randn([5, 3]).requiresGrad_();
        const x = fixed([4, 5]);
        const run = <T>(body: () => T): T => (recorded ? body() : noGrad(body));
        const [old, found] = autocast({}, () =>
          run(() => {
            const first = x.matmul(weight);
            change(weight);
            return [first, x.matmul(weight)];
          }),
        );
        const wanted = autocast({}, () => x.matmul(weight));
        expectClose(found, wanted, 0, name);
        assert.notDeepEqual(found.toArray(), old.toArray());
      },
    );
