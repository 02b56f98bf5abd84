/** The module class: registry, modes, state dict, moves, ownership. */
import assert from "node:assert/strict";
import { liveTensors, ones, rand, scope, StateDictError, zeros, type Tensor } from "../../src/index.js";
import {
  BatchNorm2d,
  Conv2d,
  Conv3d,
  Dropout,
  Linear,
  Module,
  ModuleBuffer,
  Parameter,
  ReLU,
  Sequential,
} from "../../src/nn/index.js";
import { expectClose, leakTest, scopedTest } from "../support.js";

class Pair extends Module {
  readonly first: Sequential;
  readonly second: Linear;
  readonly scale: Parameter;
  readonly count: ModuleBuffer;
  readonly absent: Parameter | null = null;

  constructor() {
    super();
    this.first = new Sequential(new Linear(2, 3), new ReLU(), new Dropout(0.5));
    this.second = new Linear(3, 1, { bias: false });
    this.scale = new Parameter(ones([1]));
    this.count = new ModuleBuffer(zeros([], { dtype: "int64" }));
  }
  forward(x: Tensor): Tensor {
    return this.second.forward(this.first.forward(x)).mul(this.scale);
  }
}

const names = ["scale", "count", "first.0.weight", "first.0.bias", "second.weight"];
const copyOf = (state: Map<string, Tensor>) =>
  new Map([...state].map(([name, tensor]) => [name, tensor.clone()]));

scopedTest(
  "fields are the registry: own parameters, own buffers, then modules in order, as PyTorch lists them",
  () => {
    using pair = new Pair();
    assert.deepEqual([...pair.stateDict().keys()], names);
    assert.deepEqual(
      [...pair.namedParameters().keys()],
      ["scale", "first.0.weight", "first.0.bias", "second.weight"],
    );
    assert.deepEqual([...pair.namedBuffers().keys()], ["count"]);
    assert.deepEqual(
      [...pair.namedModules().keys()],
      ["", "first", "first.0", "first.1", "first.2", "second"],
    );
    assert.deepEqual([...pair.children.keys()], ["first", "second"]);
    assert.equal(pair.parameterCount(), 1 + 6 + 3 + 3);
    pair.second.requiresGrad_(false);
    assert.equal(pair.parameterCount({ trainableOnly: true }), 1 + 6 + 3);
  },
);

scopedTest("a module used twice has its parameters once, and in the state dict under both names", () => {
  const shared = new Linear(2, 2);
  using twice = new Sequential(shared, shared);
  assert.deepEqual([...twice.namedParameters().keys()], ["0.weight", "0.bias"]);
  assert.deepEqual([...twice.stateDict().keys()], ["0.weight", "0.bias", "1.weight", "1.bias"]);
});

leakTest("train and eval reach every module inside", () => {
  using pair = new Pair();
  const modes = () => new Set([...pair.namedModules().values()].map(({ training }) => training));
  assert.deepEqual(modes(), new Set([true]));
  assert.equal(pair.eval(), pair);
  assert.deepEqual(modes(), new Set([false]));
  assert.deepEqual((pair.train(), modes()), new Set([true]));
});

leakTest("parameters outlive the scope in which they were created, and dispose() frees them", () => {
  const before = liveTensors();
  const pair = scope(() => new Pair());
  assert.equal(liveTensors() - before, names.length);
  scope(() =>
    pair
      .forward(rand([4, 2]))
      .sum()
      .backward(),
  );
  assert.equal(liveTensors() - before, names.length, "gradients use no handles");
  pair.dispose();
  assert.equal(liveTensors(), before);
  assert.ok(pair.scale.isDisposed);
});

leakTest("the state dict shares memory without a gradient, and can leave a scope", () => {
  using layer = new Linear(2, 2);
  const state = scope(() => layer.stateDict());
  const weight = state.get("weight");
  assert.ok(weight !== undefined && !weight.requiresGrad);
  weight.fill_(3);
  assert.deepEqual(layer.weight.toArray(), [3, 3, 3, 3]);
  for (const tensor of state.values()) tensor.dispose();
});

scopedTest("loadStateDict copies the values, in the parameter's own dtype", () => {
  using from = new Pair();
  using into = new Pair();
  const state = from.stateDict();
  const asFloat64 = new Map([...state].map(([name, tensor]) => [name, tensor.to({ dtype: "float64" })]));
  assert.deepEqual(into.loadStateDict(asFloat64), { missing: [], unexpected: [], misshapen: [] });
  for (const [name, tensor] of into.stateDict()) {
    expectClose(tensor, state.get(name) ?? tensor, 0, name);
    assert.equal(tensor.dtype, name === "count" ? "int64" : "float32");
  }
  assert.ok(into.scale.requiresGrad && into.scale.isLeaf);
});

scopedTest(
  "a strict load that does not match lists missing, unexpected and misshapen keys and changes nothing",
  () => {
    using pair = new Pair();
    const before = copyOf(pair.stateDict());
    const wrong = new Map(
      [...before].map(([name]) => [name, zeros(name === "second.weight" ? [2, 3] : [1])]),
    );
    wrong
      .set("scale", zeros([1]))
      .set("count", zeros([]))
      .set("first.0.bias", zeros([3]))
      .set("head.weight", zeros([1]));
    wrong.delete("first.0.weight");
    assert.throws(
      () => pair.loadStateDict(wrong),
      (error: unknown) => {
        assert.ok(error instanceof StateDictError);
        assert.deepEqual(error.missing, ["first.0.weight"]);
        assert.deepEqual(error.unexpected, ["head.weight"]);
        assert.deepEqual(error.misshapen, ["second.weight (expected [1, 3], received [2, 3])"]);
        assert.match(error.message, /missing: first\.0\.weight/);
        return true;
      },
    );
    for (const [name, tensor] of pair.stateDict()) expectClose(tensor, before.get(name) ?? tensor, 0, name);
    const found = pair.loadStateDict(wrong, { strict: false });
    assert.deepEqual(found, {
      missing: ["first.0.weight"],
      unexpected: ["head.weight"],
      misshapen: ["second.weight"],
    });
    assert.deepEqual(pair.scale.toArray(), [0]);
  },
);

scopedTest("a state dict from before num_batches_tracked still loads strictly, as in PyTorch", () => {
  using norm = new BatchNorm2d(2);
  const state = norm.stateDict();
  state.delete("num_batches_tracked");
  assert.deepEqual(norm.loadStateDict(state).missing, []);
});

scopedTest("to() converts floating values only, lays out kernels only, and keeps the leaves", () => {
  using model = new Sequential(new Conv2d(2, 3, 3), new BatchNorm2d(3), new ReLU());
  using volume = new Conv3d(2, 2, 3);
  const parameters = model.parameters();
  const [weight] = parameters;
  const before = weight?.toArray();
  model.to({ memoryFormat: "channels_last" });
  assert.equal(weight?.memoryFormat, "channels_last");
  assert.deepEqual(weight?.toArray(), before);
  model.to({ dtype: "float64", device: "cpu" });
  assert.equal(weight?.memoryFormat, "channels_last");
  assert.deepEqual(model.parameters(), parameters);
  assert.deepEqual(
    [...model.stateDict().values()].map(({ dtype }) => dtype),
    [...Array.from({ length: 6 }, () => "float64"), "int64"],
  );
  volume.to({ memoryFormat: "channels_last" });
  assert.equal(volume.weight.memoryFormat, "contiguous");
  volume.to({ memoryFormat: "channels_last_3d" });
  assert.equal(volume.weight.memoryFormat, "channels_last_3d");
  model
    .forward(rand([2, 2, 5, 5], { dtype: "float64" }))
    .sum()
    .backward();
  assert.deepEqual(
    parameters.map(({ grad, isLeaf }) => [grad?.dtype, isLeaf]),
    parameters.map(() => ["float64", true]),
  );
  model.zeroGrad();
  assert.ok(parameters.every(({ grad }) => grad === null));
});

scopedTest(
  "a frozen module in evaluation mode does not change by a bit while a head is trained on it",
  () => {
    using trunk = new Sequential(new Conv2d(1, 2, 3), new BatchNorm2d(2)).eval().requiresGrad_(false);
    const before = copyOf(trunk.stateDict());
    using head = new Linear(8, 1);
    head
      .forward(trunk.forward(rand([2, 1, 4, 4])).flatten(1))
      .sum()
      .backward();
    for (const [name, tensor] of trunk.stateDict()) expectClose(tensor, before.get(name) ?? tensor, 0, name);
    assert.ok(trunk.parameters().every(({ grad }) => grad === null));
    assert.ok(head.weight.grad !== null);
  },
);

scopedTest("wrong layer arguments are named", () => {
  using norm = new BatchNorm2d(2);
  assert.throws(
    () => norm.forward(rand([2, 2])),
    /BatchNorm2d: x: expected 4 dimensions, received shape \[2, 2\]/,
  );
  assert.throws(() => new Dropout(1.5), /p: expected a probability/);
  assert.throws(() => new Conv2d(3, 4, 3, { groups: 2 }), /groups: expected a divisor/);
  assert.throws(() => new Conv2d(3, 4, [3]), /kernelSize: expected 2 sizes/);
});
