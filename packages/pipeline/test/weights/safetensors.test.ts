/** safetensors: values against a file of PyTorch's (fixtures/weights/safetensors.py), and headers with wrong lengths. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fromTypedArray, tensor, zeros } from "@slicestack/torch";
import "../../src/models/catalogue.js";
import { readSafetensors, writeSafetensors } from "../../src/weights/safetensors.js";
import { readWeights } from "../../src/weights/weights.js";
import { leakFree } from "../models/support.js";
import { safetensors } from "./assemble.js";
import { expectedFixtures, fixtures, refused, spelled, write } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-safetensors-"));
after(() => rmSync(folder, { recursive: true, force: true }));

leakFree("every dtype, a scalar and an empty tensor, in any order, have PyTorch's values", () => {
  const expected = expectedFixtures("safetensors.json")["dtypes.safetensors"]?.tensors ?? {};
  const file = join(fixtures, "dtypes.safetensors");
  for (const { tensors, metadata } of [readSafetensors(file), readWeights(file)]) {
    assert.deepEqual([...tensors.keys()].sort(), Object.keys(expected).sort());
    assert.equal(tensors.size, 12);
    assert.deepEqual(metadata, { format: "pt", note: "näher" });
    for (const [name, { dtype, shape, values }] of Object.entries(expected)) {
      const found = tensors.get(name);
      assert.deepEqual([found?.dtype, found?.shape], [dtype, shape], name);
      assert.deepEqual(spelled(found?.toTypedArray() ?? []), values, name);
    }
  }
});

leakFree("what is written is read back to the bit, with its metadata", (own) => {
  const file = join(own, "a.safetensors");
  const weights = new Map([
    [
      "w",
      tensor([
        [1.5, -0.25],
        [Infinity, -0],
      ]),
    ],
    ["count", fromTypedArray(BigInt64Array.of(2n ** 62n), [])],
    ["flags", tensor([1, 0, 1], { dtype: "bool" })],
    ["half", tensor([0.5, 3], { dtype: "bfloat16" })],
    ["none", zeros([0, 2])],
    ["__proto__", tensor([7])],
  ]);
  const hash = writeSafetensors(file, weights, { split: "abc", __proto__x: '"{' });
  assert.equal(hash, createHash("sha256").update(readFileSync(file)).digest("hex"));
  const { tensors, metadata } = readSafetensors(file);
  assert.deepEqual(metadata, { split: "abc", __proto__x: '"{' });
  assert.deepEqual([...tensors.keys()], [...weights.keys()]);
  for (const [name, written] of weights) {
    const read = tensors.get(name);
    assert.equal(read?.dtype, written.dtype);
    assert.deepEqual(read.shape, written.shape);
    assert.deepEqual(read.toTypedArray(), written.toTypedArray(), name);
  }
  assert.equal(readFileSync(file).readBigUInt64LE(0) % 8n, 0n);
});

const w = (from: number, to: number, shape = [(to - from) / 4], dtype = "F32") => ({
  dtype,
  shape,
  data_offsets: [from, to],
});
const eight = Buffer.alloc(8);

const lies: [what: string, data: Buffer, message: RegExp][] = [
  ["an empty file", Buffer.alloc(0), /expected a header, the file has 0 bytes/],
  ["seven bytes", Buffer.alloc(7), /expected a header, the file has 7 bytes/],
  [
    "a header longer than the file",
    safetensors({}, eight, 1000),
    /expected a header of 1000 bytes, the file has 18/,
  ],
  [
    "a header of 2^63 bytes",
    safetensors({}, eight, 2n ** 63n),
    /expected a header of 9223372036854776000 bytes/,
  ],
  [
    "a header of 2^64 - 1 bytes",
    safetensors({}, eight, 2n ** 64n - 1n),
    /expected a header of 18446744073709552000 bytes/,
  ],
  ["a header of 20 MB", safetensors(`{${" ".repeat(20e6)}}`), /a header of 20000002 bytes, at most 16777216/],
  ["no JSON", safetensors("{w: 1}"), /expected a JSON header/],
  ["a header cut in its JSON", safetensors({ w: w(0, 8) }, eight, 10), /expected a JSON header/],
  ["text that is not UTF-8", safetensors(`{"\\u0000": 1`.replace("1", "\xff")), /expected a JSON header/],
  ["a list", safetensors([]), /expected a JSON header that is an object/],
  ["null", safetensors("null"), /expected a JSON header that is an object/],
  [
    "a key that appears twice",
    safetensors(
      '{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}',
      eight,
    ),
    /the key "w" appears twice/,
  ],
  [
    "a key that appears twice, once escaped",
    safetensors(
      '{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\\u0077" :{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
      eight,
    ),
    /the key "w" appears twice/,
  ],
  [
    "a field that appears twice",
    safetensors('{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"dtype":"I32"}}', eight),
    /the key "dtype" appears twice/,
  ],
  [
    "metadata that is not strings",
    safetensors({ __metadata__: { epoch: 3 } }),
    /expected metadata with string values/,
  ],
  ["metadata that is a list", safetensors({ __metadata__: [] }), /expected metadata with string values/],
  [
    "an unknown dtype",
    safetensors({ w: w(0, 8, [8], "F8_E4M3") }, eight),
    /w has the dtype "F8_E4M3", which is not supported\. Save it as one of F32, F64, BF16/,
  ],
  [
    "a dtype named constructor",
    safetensors({ w: w(0, 8, [2], "constructor") }, eight),
    /the dtype "constructor"/,
  ],
  ["no dtype", safetensors({ w: { shape: [2], data_offsets: [0, 8] } }, eight), /the dtype undefined/],
  ["an entry that is null", safetensors({ w: null }, eight), /the dtype undefined/],
  [
    "no shape",
    safetensors({ w: { dtype: "F32", data_offsets: [0, 8] } }, eight),
    /no shape and data_offsets of whole numbers/,
  ],
  ["a shape of fractions", safetensors({ w: w(0, 8, [1.5]) }, eight), /whole numbers/],
  ["a negative shape", safetensors({ w: w(0, 8, [-1, -2]) }, eight), /whole numbers/],
  [
    "a shape of texts",
    safetensors('{"w":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}', eight),
    /whole numbers/,
  ],
  ["one offset", safetensors({ w: { dtype: "F32", shape: [2], data_offsets: [0] } }, eight), /whole numbers/],
  [
    "three offsets",
    safetensors({ w: { dtype: "F32", shape: [2], data_offsets: [0, 8, 8] } }, eight),
    /whole numbers/,
  ],
  ["offsets beyond the file", safetensors({ w: w(0, 12) }, eight), /w has data_offsets outside of the file/],
  [
    "offsets beyond 2^53",
    safetensors({ w: w(2 ** 53, 2 ** 53 + 8, [2]) }, eight),
    /whole numbers|outside of the file/,
  ],
  ["negative offsets", safetensors({ w: w(-8, 0, [2]) }, eight), /whole numbers/],
  ["offsets in reverse", safetensors({ w: w(8, 0, [2]) }, eight), /has data_offsets outside of the file/],
  [
    "a shape for more bytes",
    safetensors({ w: w(0, 8, [3]) }, eight),
    /w of shape \[3\] needs 12 bytes, has 8/,
  ],
  [
    "a shape for fewer bytes",
    safetensors({ w: w(0, 8, [1]) }, eight),
    /w of shape \[1\] needs 4 bytes, has 8/,
  ],
  [
    "a shape whose product overflows",
    safetensors({ w: w(0, 8, [2 ** 31, 2 ** 31, 2 ** 31]) }, eight),
    /needs 3\.9\d+e\+28 bytes/,
  ],
  [
    "a shape that overflows beside a 0",
    safetensors({ w: w(0, 0, [0, 2 ** 40, 2 ** 40]) }),
    /sizes that are too large/,
  ],
  [
    "forty dimensions",
    safetensors(
      {
        w: w(
          0,
          4,
          Array.from({ length: 40 }, () => 1),
        ),
      },
      Buffer.alloc(4),
    ),
    /has 40 dimensions/,
  ],
  [
    "tensors that overlap",
    safetensors({ a: w(0, 8), b: w(4, 12) }, Buffer.alloc(12)),
    /b begins at byte \d+, expected \d+: tensors overlap/,
  ],
  ["two tensors in one place", safetensors({ a: w(0, 8), b: w(0, 8) }, eight), /tensors overlap/],
  [
    "a gap between tensors",
    safetensors({ a: w(0, 4), b: w(8, 12) }, Buffer.alloc(12)),
    /something lies between them/,
  ],
  ["a gap before the first", safetensors({ a: w(4, 8) }, eight), /something lies between them/],
  ["bytes behind the last", safetensors({ a: w(0, 4) }, eight), /expected \d+ bytes, the file has \d+/],
];

for (const [what, data, message] of lies) {
  test(`safetensors: ${what} is refused before memory is allocated`, () => {
    const file = write(folder, "lie.safetensors", data);
    const before = process.memoryUsage().arrayBuffers;
    refused(file, message, readSafetensors);
    assert.ok(process.memoryUsage().arrayBuffers - before < 64e6);
  });
}

test("safetensors: a file truncated anywhere is refused", () => {
  const whole = safetensors({ a: w(0, 4), b: w(4, 12), __metadata__: { x: "y" } }, Buffer.alloc(12));
  const file = join(folder, "cut.safetensors");
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(file, whole.subarray(0, length));
    refused(file, /expected|outside of the file/, readSafetensors);
  }
});

leakFree("safetensors: brackets, quotes and colons within names count for nothing", (own) => {
  const header = {
    'a"{[:': w(0, 4),
    "b\\": w(4, 8),
    __metadata__: { 'k"}': '{"k\\"}": 1, "k": 2, "k": 3}' },
  };
  const file = write(own, "names.safetensors", safetensors(header, eight));
  assert.deepEqual([...readSafetensors(file).tensors.keys()], ['a"{[:', "b\\"]);
});
