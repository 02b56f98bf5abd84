import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as torch from "../../src/index.js";
import { ArgumentError, fromTypedArray, scope, type DType, type TypedArray } from "../../src/index.js";
import { conv2d, crossEntropy, linear } from "../../src/functional.js";
import { expectClose, leakTest, loadFixture, type TensorJson } from "../support.js";

interface DtypeFixture {
  numbers: (number | string)[];
  whole: number[];
  casts: Record<"float32" | "bfloat16" | "float16", (number | string)[]>;
  wholeCasts: Record<"int64" | "int32" | "int16" | "int8" | "bool", number[]>;
  autocast: Record<string, TensorJson>;
}
const fixture = loadFixture<DtypeFixture>("dtypes/dtypes");
const f64 = (data: (number | string)[]) => Float64Array.from(data, Number);

leakTest("dtypes: typed arrays of every kind go in and come out unchanged, with their own dtype", () => {
  const arrays: [TypedArray, DType][] = [
    [Float32Array.of(1.5, -0, NaN, Infinity), "float32"],
    [Float64Array.of(Math.PI, -1e300), "float64"],
    [BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n), "int64"],
    [Int32Array.of(-(2 ** 31), 2 ** 31 - 1), "int32"],
    [Int16Array.of(-32768, 32767), "int16"],
    [Int8Array.of(-128, 127), "int8"],
    [Uint8Array.of(0, 255), "uint8"],
    [new Float32Array(0), "float32"],
    [new Float32Array(new ArrayBuffer(32), 8, 3), "float32"],
  ];
  for (const [array, dtype] of arrays) {
    using x = fromTypedArray(array);
    assert.equal(x.dtype, dtype);
    assert.deepEqual(x.shape, [array.length]);
    assert.deepEqual(x.toTypedArray(), array.slice());
  }
  using clamped = fromTypedArray(Uint8ClampedArray.of(3, 255));
  assert.deepEqual(clamped.toTypedArray(), Uint8Array.of(3, 255));
});

leakTest("dtypes: fromTypedArray copies: a later change of the array is not seen", () => {
  const array = Float32Array.of(1, 2);
  using x = fromTypedArray(array);
  array[0] = 9;
  assert.deepEqual(x.toArray(), [1, 2]);
  const out = x.toTypedArray();
  out[0] = 7;
  assert.deepEqual(x.toArray(), [1, 2]);
  assert.throws(() => fromTypedArray(array, [3]), ArgumentError);
  assert.throws(() => fromTypedArray([1] as unknown as Float32Array), ArgumentError);
  assert.throws(() => fromTypedArray(new Uint16Array(1) as unknown as Float32Array), ArgumentError);
});

leakTest("dtypes: casts round and cut as PyTorch's (fixtures/dtypes/dtypes.py)", () => {
  for (const dtype of ["float32", "bfloat16", "float16"] as const) {
    using x = fromTypedArray(f64(fixture.numbers), [fixture.numbers.length], { dtype });
    assert.equal(x.dtype, dtype);
    assert.ok(x.toTypedArray() instanceof Float32Array);
    assert.deepEqual(x.toArray(), [...f64(fixture.casts[dtype])], dtype);
  }
  for (const dtype of ["int64", "int32", "int16", "int8", "bool"] as const) {
    using x = fromTypedArray(f64(fixture.whole), [fixture.whole.length], { dtype });
    assert.deepEqual(x.toArray(), fixture.wholeCasts[dtype], dtype);
  }
  using flags = torch.tensor([0, 2, -1], { dtype: "bool" });
  assert.deepEqual(flags.toTypedArray(), Uint8Array.of(0, 1, 1));
});

leakTest("facts: shape, stride, dim, numel, size, device, item, toArray", () => {
  scope(() => {
    const x = torch.arange(0, 24).reshape(2, 3, 4);
    assert.deepEqual(
      [x.shape, x.stride, x.dim, x.numel, x.device, x.dtype],
      [[2, 3, 4], [12, 4, 1], 3, 24, "cpu", "float32"],
    );
    assert.deepEqual([x.size(0), x.size(-1)], [2, 4]);
    assert.throws(() => x.size(3), ArgumentError);
    assert.throws(() => x.item(), ArgumentError);
    const turned = x.permute(2, 0, 1);
    assert.deepEqual(
      [turned.stride, turned.isContiguous, turned.memoryFormat],
      [[1, 12, 4], false, "strided"],
    );
    assert.deepEqual(turned.toArray().slice(0, 6), [0, 4, 8, 12, 16, 20]);
    assert.equal(x.select(0, 1).select(0, 2).select(0, 3).item(), 23);
    assert.deepEqual([torch.zeros([]).dim, torch.zeros([]).numel, torch.zeros([0, 3]).numel], [0, 1, 0]);
    assert.deepEqual(
      [torch.empty([2, 2]).shape, torch.empty([2], { dtype: "int16" }).dtype],
      [[2, 2], "int16"],
    );
  });
});

leakTest("views share memory, copies do not", () => {
  scope(() => {
    const x = torch.zeros([2, 3]);
    for (const view of [
      x.view(6),
      x.transpose(0, 1),
      x.select(0, 0),
      x.narrow(1, 0, 2),
      x.alias(),
      x.detach(),
      x.unsqueeze(0),
    ]) {
      view.add_(1);
      assert.ok(x.sum().item() > 0, "the view writes to x");
      x.zero_();
    }
    x.add_(1);
    assert.equal(x.expand(4, 2, 3).sum().item(), 24);
    x.zero_();
    for (const copy of [
      x.clone(),
      x.repeat(1, 1),
      x.contiguous("contiguous").clone(),
      x.to({ dtype: "float64" }),
    ]) {
      copy.add_(1);
      assert.equal(x.sum().item(), 0);
    }
    assert.throws(() => x.transpose(0, 1).view(6), torch.TorchError);
  });
});

leakTest("memory formats: strides follow, values stay, conversions name themselves", () => {
  scope(() => {
    const x = torch.arange(0, 2 * 3 * 4 * 5).reshape(2, 3, 4, 5);
    const last = x.to({ memoryFormat: "channels_last" });
    assert.deepEqual([x.memoryFormat, last.memoryFormat], ["contiguous", "channels_last"]);
    assert.deepEqual(last.stride, [60, 1, 15, 3]);
    assert.deepEqual(last.toArray(), x.toArray());
    assert.equal(last.contiguous().memoryFormat, "contiguous");
    const volume = torch.zeros([1, 2, 3, 4, 5]).contiguous("channels_last_3d");
    assert.equal(volume.memoryFormat, "channels_last_3d");
    assert.throws(() => torch.zeros([2, 2]).contiguous("channels_last"), torch.TorchError);
    const both = x.to({ dtype: "bfloat16", memoryFormat: "channels_last" });
    assert.deepEqual([both.dtype, both.memoryFormat], ["bfloat16", "channels_last"]);
  });
});

leakTest("autocast: dtypes and values equal PyTorch's bfloat16 (fixtures/dtypes/dtypes.py)", () => {
  scope(() => {
    const values = (shape: number[], seed = 0) => {
      const data = Float32Array.from(
        { length: shape.reduce((a, b) => a * b) },
        (_, i) => (((i * 37 + seed * 17) % 101) - 50) / 32,
      );
      return fromTypedArray(data, shape);
    };
    const [x, w, image, kernel] = [
      values([4, 8]),
      values([8, 3], 2),
      values([1, 2, 6, 6]),
      values([3, 2, 3, 3], 1),
    ];
    const results = torch.autocast({}, () => ({
      matmul: x.matmul(w),
      linear: linear(x, w.transpose(0, 1)),
      conv2d: conv2d(image, kernel),
      softmax: x.matmul(w).softmax(1),
      mean: x.matmul(w).mean([0, 1]),
      relu: x.matmul(w).relu(),
      crossEntropy: crossEntropy(
        x.matmul(w).to({ dtype: "float32" }),
        torch.tensor([0, 1, 2, 0], { dtype: "int64" }),
      ),
    }));
    for (const [name, result] of Object.entries(results)) {
      const expected = fixture.autocast[name];
      assert.ok(expected !== undefined);
      assert.equal(result.dtype, expected.dtype, name);
      // Neighbours in bfloat16 lie up to 2^-7 apart. A CPU with bfloat16 instructions sums in float32, one without them
      // rounds the sum at each step: here the two differ by up to two neighbours (the exact 13.2617 is 13.25 or 13.375).
      // The float32 cross entropy is that of bfloat16 logits.
      expectClose(result, expected, 2 ** -6, name);
    }
  });
});

leakTest(
  "mapFile: the bytes of a file, read where they lie; writes stay private; wrong paths and sizes are refused",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "slicestack-map-"));
    try {
      const path = join(folder, "bytes");
      writeFileSync(path, Buffer.from(Int16Array.of(-1, 2, 300).buffer));
      using bytes = torch.mapFile(path, 6);
      using values = bytes.viewDtype("int16");
      assert.deepEqual(values.toArray(), [-1, 2, 300]);
      bytes.zero_();
      using again = torch.mapFile(path, 2);
      assert.deepEqual(again.toArray(), [255, 255]);
      assert.throws(() => torch.mapFile(path, 7), /at most the file's 6/);
      assert.throws(() => torch.mapFile(folder, 1), ArgumentError);
      assert.throws(() => torch.mapFile(join(folder, "absent"), 1), ArgumentError);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

leakTest("tensor: refuses rows of different lengths and values that are no numbers", () => {
  assert.throws(() => torch.tensor([[1, 2], [3]]), ArgumentError);
  assert.throws(() => torch.tensor([1, [2]]), ArgumentError);
  assert.throws(() => torch.tensor(["1"] as unknown as number[]), ArgumentError);
  using empty = torch.tensor([]);
  assert.deepEqual(empty.shape, [0]);
  const cyclic: number[] = [];
  cyclic.push(cyclic as unknown as number);
  assert.throws(() => torch.tensor(cyclic), /at most 25 dimensions/);
});
