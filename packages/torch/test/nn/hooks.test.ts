/** Forward hooks see and change inputs and outputs, and leave no trace when they are removed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ArgumentError, ones, type Tensor } from "../../src/index.js";
import { Linear, Module, MultiheadAttention, Sequential } from "../../src/nn/index.js";
import { scopedTest } from "../support.js";

scopedTest(
  "hooks run before and after every forward, in the order of registration, even inside a model",
  () => {
    using first = new Linear(3, 2);
    using model = new Sequential(first, new Linear(2, 1));
    const told: string[] = [];
    using _a = first.registerForwardHook((module, [x], y) => {
      assert.equal(module, first);
      told.push(`a ${(x as Tensor).shape.join()} to ${(y as Tensor).shape.join()}`);
    });
    using _b = first.registerForwardHook(() => void told.push("b"));
    using _before = first.registerForwardPreHook(
      (_module, [x]) => void told.push(`before ${(x as Tensor).shape.join()}`),
    );
    model.forward(ones([4, 3]));
    assert.deepEqual(told, ["before 4,3", "a 4,3 to 4,2", "b"]);
  },
);

scopedTest("what a hook returns replaces the inputs or the output", () => {
  using layer = new Linear(2, 2);
  const plain = layer.forward(ones([1, 2]).mul(3)).toArray();
  using before = layer.registerForwardPreHook((_module, [x]) => [(x as Tensor).mul(3)]);
  assert.deepEqual(layer.forward(ones([1, 2])).toArray(), plain);
  using _after = layer.registerForwardHook((_module, _inputs, y) => (y as Tensor).mul(0));
  assert.deepEqual(
    layer
      .forward(ones([1, 2]))
      .toArray()
      .map(Math.abs),
    [0, 0],
  );
  before[Symbol.dispose]();
  assert.deepEqual(
    layer
      .forward(ones([1, 2]))
      .toArray()
      .map(Math.abs),
    [0, 0],
  );
});

scopedTest("after hooks are removed, the module is unchanged: its forward, its print, its state dict", () => {
  using layer = new Linear(2, 2);
  const [forward, printed] = [layer.forward.bind(layer), String(layer)];
  assert.ok(forward);
  const hook = layer.registerForwardHook(() => undefined);
  assert.equal(String(layer), printed);
  assert.deepEqual([...layer.stateDict().keys()], ["weight", "bias"]);
  hook[Symbol.dispose]();
  hook[Symbol.dispose]();
  assert.equal(Object.hasOwn(layer, "forward"), false);
});

scopedTest("one function registered twice is called twice; a forward of several arguments keeps them", () => {
  using attention = new MultiheadAttention(4, 2);
  let calls = 0;
  const count = (_module: Module, inputs: readonly unknown[]) => {
    assert.equal(inputs.length, 2);
    calls++;
  };
  using _one = attention.registerForwardHook(count);
  using _two = attention.registerForwardHook(count);
  const { weights } = attention.forward(ones([1, 3, 4]), { needWeights: true });
  assert.deepEqual([calls, weights?.shape], [2, [1, 3, 3]]);
});

test("values that are not functions, and modules without forward, are refused", () => {
  using layer = new Linear(1, 1);
  assert.throws(() => layer.registerForwardHook("no" as never), ArgumentError);
  class Bare extends Module {}
  assert.throws(() => new Bare().registerForwardHook(() => undefined), ArgumentError);
});
