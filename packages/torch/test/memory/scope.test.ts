import assert from "node:assert/strict";
import { ArgumentError, liveTensors, Scope, scope, zeros, type Tensor } from "../../src/index.js";
import { native } from "../../src/native/load.js";
import { leakTest } from "../support.js";

leakTest("scope: frees what its body created, and hands its result to the enclosing scope", () => {
  const before = liveTensors();
  let inner: Tensor | undefined;
  scope(() => {
    const result = scope(() => {
      inner = zeros([1]);
      return inner.add(1);
    });
    assert.equal(liveTensors(), before + 1);
    assert.ok(inner?.isDisposed);
    assert.equal(result.item(), 1);
  });
  assert.equal(liveTensors(), before);
});

leakTest("scope: tensors in arrays, plain objects and Maps survive, through cycles and repeats", () => {
  const result = scope(() => {
    const shared = zeros([1]);
    const object = {
      list: [shared, { deep: zeros([2]) }],
      map: new Map([["k", zeros([3])]]),
      twice: shared,
      self: null as unknown,
    };
    object.self = object;
    return object;
  });
  const [first, second] = result.list as [Tensor, { deep: Tensor }];
  assert.deepEqual([first.shape, second.deep.shape, result.map.get("k")?.shape], [[1], [2], [3]]);
  for (const tensor of [first, second.deep, ...result.map.values()]) tensor.dispose();
});

leakTest("scope: a body that throws frees everything it created, and the error is passed on", () => {
  assert.throws(
    () =>
      scope(() => {
        zeros([5]);
        throw new RangeError("from the body");
      }),
    RangeError,
  );
  assert.equal(native().scopeDepth(), 0);
});

leakTest("scope: a body that returns a Promise is refused, and its tensors are freed", async () => {
  const late = { ran: false };
  assert.throws(
    () =>
      scope(async () => {
        zeros([5]);
        await Promise.resolve();
        late.ran = true;
        throw new Error("heard by no one");
      }),
    ArgumentError,
  );
  await new Promise((done) => setImmediate(done));
  assert.ok(late.ran);
});

leakTest("Scope: ends in reverse order only; a second end does nothing", () => {
  const outer = new Scope();
  const inner = new Scope();
  assert.throws(() => outer[Symbol.dispose](), /reverse order/);
  inner[Symbol.dispose]();
  inner[Symbol.dispose]();
  outer[Symbol.dispose]();
  assert.equal(native().scopeDepth(), 0);
});

leakTest("Scope: a survivor that was disposed meanwhile does not keep the scope open", () => {
  const inner = new Scope();
  const gone = inner.pass(zeros([1]));
  gone.dispose();
  inner[Symbol.dispose]();
  assert.equal(native().scopeDepth(), 0);
});

leakTest(
  "Scope: a tensor of the outer scope that passes through the inner one still belongs to the outer one",
  () => {
    scope(() => {
      const x = zeros([1]);
      assert.equal(scope(() => x).isDisposed, false);
    });
  },
);

leakTest("Scope: 100,000 tensors in one scope are freed", () => {
  scope(() => {
    for (let k = 0; k < 100_000; k++) zeros([]);
  });
});
