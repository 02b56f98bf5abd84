import assert from "node:assert/strict";
import { ArgumentError, full, ones, OutOfMemoryError, scope, TorchError, zeros } from "../../src/index.js";
import { availableMemory, readText } from "../../src/limits.js";
import { native } from "../../src/native/load.js";
import { leakTest } from "../support.js";

function caught(body: () => unknown): TorchError {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof TorchError, `a TorchError, not ${String(error)}`);
    return error;
  }
  assert.fail("expected a throw");
}

leakTest("errors: an error of libtorch has the op, the shapes and a stack that names this file", () => {
  scope(() => {
    const error = caught(() => zeros([2, 3]).matmul(ones([4, 5])));
    assert.equal(error.name, "TorchError");
    assert.equal(error.op, "matmul");
    assert.equal(error.shapes, "x float32 [2, 3], other float32 [4, 5]");
    assert.match(error.message, /^matmul: .*2x3 and 4x5.*\(x float32 \[2, 3\], other float32 \[4, 5\]\)$/s);
    assert.match(error.stack ?? "", /errors\.test/);
  });
});

leakTest("errors: the error of a wrong argument names it, what was expected and what was received", () => {
  scope(() => {
    const x = zeros([2, 3]);
    const error = caught(() => native().softmax(x.handle, "one" as unknown as number));
    assert.ok(error instanceof ArgumentError);
    assert.match(error.message, /^softmax: dim: expected an integer, received 'one'/);
    assert.match(caught(() => x.select(0.5, 0)).message, /dim: expected an integer, received 0\.5/);
    assert.match(caught(() => native().neg(NaN)).message, /x: expected a Tensor/);
    assert.match(caught(() => zeros([2, -1])).message, /shape: expected integers of at least 0, received -1/);
    assert.match(
      caught(() => zeros([2], { dtype: "float8" as "float16" })).message,
      /dtype: expected one of float32, .*received 'float8'/,
    );
    assert.match(
      caught(() => zeros([2], { device: "gpu" })).message,
      /device: expected 'cpu', 'cuda:N' or 'mps', received 'gpu'/,
    );
  });
});

leakTest("errors: absurd sizes throw OutOfMemoryError, which lists live tensors and bytes", () => {
  scope(() => {
    const live = full([1000], 1);
    for (const body of [
      () => zeros([2 ** 40]),
      () => zeros([2 ** 50, 2 ** 50]),
      () => live.repeat(2 ** 40),
      () => live.expand(2 ** 45, 1000),
      () => live.pad([0, 2 ** 39]),
      () => zeros([2 ** 20, 1]).add(zeros([1, 1]).expand(1, 2 ** 30)),
    ]) {
      const error = caught(body);
      assert.ok(error instanceof OutOfMemoryError, error.message);
      assert.match(error.message, /\d+ live tensors hold \d+ bytes/);
      assert.match(error.message, /Float \[1000\], 4000 bytes/);
    }
  });
});

leakTest(
  "errors: a tensor beyond what the process may still take is an OutOfMemoryError, by the limit that doctor reads",
  () => {
    const GIB = 2 ** 30;
    const files: Record<string, string> = {
      "/proc/self/cgroup": "0::/slice/job\n",
      "/proc/meminfo": `MemAvailable: ${(64 * GIB) / 1024} kB\n`,
      "/sys/fs/cgroup/slice/job/memory.max": "max\n",
      "/sys/fs/cgroup/slice/memory.max": `${2 * GIB}\n`,
      "/sys/fs/cgroup/slice/memory.current": `${2 * GIB - 1e8}\n`,
    };
    const read = (path: string) => files[path] ?? null;
    try {
      native().setMemoryProbe(() => availableMemory(read));
      const error = caught(() => zeros([30_000_000]));
      assert.ok(error instanceof OutOfMemoryError, error.message);
      assert.match(error.message, /needs 120000000 bytes, and this machine has 100000000 to give/);
      zeros([24_000_000]).dispose();
      native().setMemoryProbe(() => {
        throw new Error("no such file");
      });
      zeros([24_000_000]).dispose();
      assert.throws(() => native().setMemoryProbe(3 as unknown as () => number), ArgumentError);
    } finally {
      native().setMemoryProbe(() => availableMemory(readText));
    }
  },
);

leakTest("errors: integers that would trap the processor do not", () => {
  scope(() => {
    const least = native().fromTypedArray(BigInt64Array.of(-(2n ** 63n), 7n), [2], "int64", "cpu");
    const minusOne = native().full([2], -1, "int64", "cpu");
    for (const result of [native().remainder(least, minusOne, false), native().remainder(least, -1, true)]) {
      assert.deepEqual(native().toTypedArray(result), BigInt64Array.of(0n, 0n));
    }
    assert.ok(caught(() => zeros([2], { dtype: "int64" }).remainder(0)).message.startsWith("remainder: "));
  });
});

leakTest("errors: setErrorClasses refuses values that are not classes, and keeps its classes", () => {
  assert.throws(() => native().setErrorClasses(), ArgumentError);
  assert.throws(() => native().setErrorClasses(TorchError, 3 as unknown as typeof TorchError), ArgumentError);
});
