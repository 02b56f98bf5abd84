import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import {
  bytesSource,
  openNpy,
  parseNpy,
  VolumeArgumentError,
  VolumeFileError,
  VolumeFormatError,
} from "../src/index.js";
import { openNpyFile, readNpy } from "../src/node.js";
import { fixture, fixtureBytes, temporaryFolder } from "./fixtures.js";
import { python, without } from "./python.js";

const numpy = without("numpy");

/** Stacks (N, H, W, D) of several types, both orders, both byte orders; numpy's values of a range and of each item. */
const WRITE = `
import json, os, sys
import numpy as np
rng = np.random.default_rng(3)
facts = []
for dtype in ["<f2", ">i2", "<i8", "|u1", ">f8", "|b1"]:
    for fortran in [False, True]:
        array = rng.integers(0, 2 if dtype == "|b1" else 200, (7, 5, 4, 3)).astype(dtype)
        array = np.asfortranarray(array) if fortran else array
        name = f"{dtype[1:]}_{fortran}.npy"
        np.save(os.path.join(sys.argv[1], name), array)
        facts.append({"file": name, "range": array[2:5].astype(float).ravel().tolist(), "items": [item.astype(float).ravel().tolist() for item in array]})
print(json.dumps(facts))
`;

test(
  "openNpyFile: a range, and item by item, as numpy slices them: float16, both byte orders, C and Fortran order",
  { skip: numpy },
  async () => {
    await using folder = await temporaryFolder();
    for (const { file, range, items } of python<{ file: string; range: number[]; items: number[][] }[]>(
      WRITE,
      folder.path,
    )) {
      await using npy = await openNpyFile(join(folder.path, file));
      assert.deepEqual(npy.stack.shape, [7, 5, 4, 3]);
      const part = await npy.stack.readRange(2, 3);
      assert.deepEqual(part.shape, [3, 5, 4, 3]);
      assert.deepEqual(Array.from(part.data), range, file);
      const itemsRead: number[][] = [];
      for await (const item of npy.stack.items()) {
        assert.deepEqual(item.shape, [5, 4, 3]);
        itemsRead.push(Array.from(item.data));
      }
      assert.deepEqual(itemsRead, items, file);
      const some: number[][] = [];
      for await (const item of npy.stack.items(3, 5)) some.push(Array.from(item.data));
      assert.deepEqual(some, items.slice(3, 5), file);
      assert.deepEqual(await npy.stack.read(), await readNpy(join(folder.path, file)));
    }
  },
);

test("openNpyFile on a stack that memory could not hold (4 GB, sparse): one item from the middle, read at its offset", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ct_0.npy");
  const program = `import sys, json, numpy as np
a = np.lib.format.open_memmap(sys.argv[1], mode="w+", dtype=np.int16, shape=(2000, 128, 128, 64))
a[1500] = np.arange(128 * 128 * 64).reshape(128, 128, 64) % 1000
a.flush(); print(json.dumps(int(a[1500].astype(np.int64).sum())))`;
  const sum = python<number>(program, path);
  const before = process.memoryUsage().arrayBuffers;
  await using npy = await openNpyFile(path);
  const { data, shape } = await npy.stack.readRange(1500, 1);
  assert.deepEqual(shape, [1, 128, 128, 64]);
  let total = 0;
  for (const value of data) total += value;
  assert.equal(total, sum);
  assert.ok(process.memoryUsage().arrayBuffers - before < 64e6);
});

test("openNpy refuses ranges beyond the axis, arrays without one, and truncated files (npy_int16.npy)", async () => {
  const stack = await openNpy(bytesSource(await fixtureBytes("npy_int16.npy")));
  for (const [first, count] of [
    [0, 3],
    [2, 1],
    [-1, 1],
    [0.5, 1],
    [NaN, 1],
    [1, -1],
  ] as const)
    await assert.rejects(stack.readRange(first, count), VolumeArgumentError, `${first}, ${count}`);
  assert.deepEqual((await stack.readRange(2, 0)).shape, [0, 3, 4]);
  const scalar = await openNpy(bytesSource(await fixtureBytes("npy_scalar.npy")));
  await assert.rejects(scalar.readRange(0, 1), VolumeArgumentError);
  const bytes = await readFile(fixture("npy_int16.npy"));
  for (let length = 0; length < bytes.length; length++)
    await assert.rejects(
      openNpy(bytesSource(bytes.subarray(0, length))),
      VolumeFormatError,
      `${length} bytes`,
    );
  await assert.rejects(openNpyFile(fixture("missing.npy")), VolumeFileError);
});

test("an array that shrinks after it was opened gives an error, never zeros", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "a.npy");
  const bytes = await readFile(fixture("npy_int16.npy"));
  await writeFile(path, bytes);
  await using npy = await openNpyFile(path);
  await writeFile(path, bytes.subarray(0, -2));
  await assert.rejects(npy.stack.readRange(0, 2), VolumeFileError);
});

test("an empty first axis gives no item (npy_empty.npy)", async () => {
  const stack = await openNpy(bytesSource(await fixtureBytes("npy_empty.npy")));
  for await (const item of stack.items()) assert.fail(`an item ${String(item.shape)}`);
  assert.deepEqual((await stack.readRange(0, 0)).data, parseNpy(await fixtureBytes("npy_empty.npy")).data);
});
