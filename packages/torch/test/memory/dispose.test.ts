import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import * as torch from "../../src/index.js";
import { liveBytes, liveTensors, scope, type Tensor, TensorDisposedError, zeros } from "../../src/index.js";
import { native } from "../../src/native/load.js";
import { leakTest } from "../support.js";

const index = new URL("../../src/index.js", import.meta.url).href;
/** Runs JavaScript in a separate process. @returns what it printed */
function inChild(code: string, ...flags: string[]): string {
  return execFileSync(
    process.execPath,
    [...flags, "--input-type=module", "-e", `import * as torch from "${index}";\n${code}`],
    { encoding: "utf8" },
  ).trim();
}

leakTest(
  "dispose: a disposed tensor throws TensorDisposedError wherever it goes, and a second dispose does nothing",
  () => {
    const x = zeros([2]);
    assert.equal(x.isDisposed, false);
    x.dispose();
    x.dispose();
    assert.equal(x.isDisposed, true);
    const other = zeros([2]);
    assert.throws(() => x.shape, TensorDisposedError);
    assert.throws(() => x.add(1), TensorDisposedError);
    assert.throws(() => other.add(x), TensorDisposedError);
    assert.throws(() => torch.cat([other, x]), TensorDisposedError);
    assert.throws(() => x.keep(), TensorDisposedError);
    other.dispose();
  },
);

leakTest("dispose: a reused slot does not revive the old handle", () => {
  const first = zeros([1]);
  first.dispose();
  const second = torch.ones([1]);
  assert.equal(second.handle % 2 ** 24, first.handle % 2 ** 24, "the slot is used again");
  assert.throws(() => first.item(), TensorDisposedError);
  assert.equal(second.item(), 1);
  first.dispose();
  assert.equal(second.isDisposed, false);
  second.dispose();
});

test("views outside of scopes: V8 hears of their storage once, and does not collect for each", () => {
  const code = `
    const whole = torch.zeros([500, 1_000_000]); // 2 GB that nothing touches
    const views = Array.from({ length: 500 }, (_, k) => whole.select(0, k));
    console.log(views.length);`;
  const collections = inChild(code, "--trace-gc").match(/Mark-Compact/g) ?? [];
  assert.ok(collections.length < 20, `${collections.length} full collections for 500 views`);
});

leakTest("dispose: a getter that disposes a tensor while the arguments are read does no harm", () => {
  const x = torch.arange(0, 6);
  const shape = [2, 0];
  Object.defineProperty(shape, 1, {
    get: () => {
      x.dispose();
      for (let k = 0; k < 1000; k++) torch.zeros([k + 1]).dispose();
      return 3;
    },
  });
  const y = native().view(x.handle, shape);
  assert.deepEqual(native().shapeOf(y), [2, 3]);
  native().dispose([y]);
});

leakTest("`using` disposes at the end of its block", () => {
  let inner: Tensor;
  {
    using x = zeros([3]);
    inner = x;
  }
  assert.ok(inner.isDisposed);
});

leakTest("liveBytes counts a storage once, describeLiveTensors names the largest first", () => {
  const before = liveBytes();
  using x = zeros([100]);
  using view = x.view(10, 10);
  assert.equal(liveBytes() - before, 400);
  assert.match(torch.describeLiveTensors(2), /^\d+ live tensors hold \d+ bytes\n {2}Float \[/);
  assert.deepEqual(view.shape, [10, 10]);
});

leakTest("keep: a kept tensor outlives its scope, and the kept one can be disposed", () => {
  const kept = scope(() => {
    const x = zeros([2]).keep();
    return { get: () => x };
  }).get();
  assert.equal(kept.isDisposed, false);
  kept.dispose();
});

test("watch: the garbage collector frees forgotten tensors: made outside of scopes, kept, and handed out of the last scope", () => {
  const code = `
    const before = torch.liveTensors();
    (() => { for (let k = 0; k < 50; k++) { torch.zeros([10]); torch.scope(() => torch.zeros([10])); torch.scope(() => { torch.zeros([10]).keep(); }); } })();
    const made = torch.liveTensors() - before;
    for (let k = 0; k < 20 && torch.liveTensors() > before; k++) { globalThis.gc(); await new Promise((done) => setTimeout(done, 10)); }
    console.log(made, torch.liveTensors() - before);`;
  assert.equal(inChild(code, "--expose-gc"), "150 0");
});

test("a process ends with code 0 while tensors, a graph and a scope are open", () => {
  const code = `
    const x = torch.rand([8, 8]).requiresGrad_();
    globalThis.loss = x.matmul(x).sum();
    globalThis.open = new torch.Scope();
    globalThis.more = torch.zeros([1000]);
    console.log(torch.liveTensors() >= 3);`;
  assert.equal(inChild(code), "true");
  assert.ok(liveTensors() >= 0);
});
