import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import {
  ArgumentError,
  cudaDeviceCount,
  getNumThreads,
  hasMps,
  libtorchInfo,
  setNumThreads,
  setTf32,
  synchronize,
} from "../../src/index.js";
import { native } from "../../src/native/load.js";

test("libtorchInfo: names version, folder, CPU capability, threads and devices", () => {
  const info = libtorchInfo();
  assert.match(info.version, /^\d+\.\d+\.\d+/);
  assert.equal(info.version, native().version());
  assert.match(native().showConfig(), /PyTorch built with/);
  assert.notEqual(info.cpuCapability, "unknown");
  assert.ok(["LIBTORCH", "python", "system"].includes(info.how));
  assert.equal(info.threads, getNumThreads());
  assert.equal(info.cudaDevices.length, cudaDeviceCount());
  assert.equal(info.mps, hasMps());
});

test("setNumThreads: the number that is set is used; an absurd number is refused", () => {
  const before = getNumThreads();
  for (const threads of [2, 1, availableParallelism()]) {
    setNumThreads(threads);
    assert.equal(getNumThreads(), threads);
  }
  assert.throws(() => setNumThreads(0), ArgumentError);
  assert.throws(() => setNumThreads(1 << 20), ArgumentError);
  setNumThreads(before);
});

test("synchronize and setTf32 work without a CUDA device; an absent device is an ArgumentError", () => {
  synchronize();
  setTf32(false);
  if (cudaDeviceCount() === 0) assert.throws(() => synchronize("cuda"), ArgumentError);
});
