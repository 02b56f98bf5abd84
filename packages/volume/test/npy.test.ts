import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import {
  encodeNpyHeader,
  parseNpy,
  parseNpyHeader,
  VolumeArgumentError,
  VolumeFileError,
  VolumeFormatError,
  type NpyDtype,
} from "../src/index.js";
import { NpyWriter, readNpy, readNpyHeader, writeNpy } from "../src/node.js";
import { facts, fixture, fixtureBytes, seeded, temporaryFolder } from "./fixtures.js";

interface NpyFact {
  file: string;
  dtype: NpyDtype;
  fileDtype: string;
  shape: number[];
  values: (number | "inf" | null)[];
}
const arrays = facts<NpyFact[]>("npy.json");

for (const fact of arrays) {
  test(`readNpy ${fact.file}: dtype, shape and values equal numpy's (fixtures/volume/make_fixtures.py)`, async () => {
    const array = await readNpy(fixture(fact.file));
    assert.deepEqual([array.dtype, array.shape, array.fortranOrder], [fact.dtype, fact.shape, false]);
    assert.equal(
      array.data.constructor.name.toLowerCase(),
      fact.dtype === "bool" ? "uint8array" : `${fact.dtype}array`,
    );
    assert.deepEqual(
      Array.from(array.data),
      fact.values.map((v) => (v === null ? NaN : v === "inf" ? Infinity : v)),
    );
    assert.deepEqual(
      parseNpy(await fixtureBytes(fact.file)),
      array,
      "reading from memory gives the same as from the file",
    );
    assert.deepEqual(
      parseNpy(await readFile(fixture(fact.file))),
      array,
      "from a Buffer, whose memory is shared",
    );
    const header = await readNpyHeader(fixture(fact.file));
    assert.deepEqual([header.dtype, header.shape], [fact.fileDtype, fact.shape]);
    assert.equal(header.littleEndian, header.itemBytes === 1 || !fact.file.includes("big_endian"));
    assert.equal(header.fortranOrder, fact.file.includes("fortran"));
  });
}

test("readNpy refuses objects, structured, complex, text and 64-bit values beyond 2^53, each with its own message", async () => {
  const words = {
    object: /Python objects/,
    structured: /structured/,
    complex: /dtype is <c8/,
    text: /dtype is <U2/,
    int64: /2\^53/,
  };
  for (const [name, word] of Object.entries(words)) {
    await assert.rejects(readNpy(fixture(`refused_${name}.npy`)), (error) => {
      assert.ok(error instanceof VolumeFormatError, String(error));
      assert.match(error.message, word);
      assert.match(error.message, new RegExp(`refused_${name}.npy`));
      return true;
    });
  }
  await assert.rejects(readNpy(fixture("missing.npy")), VolumeFileError);
  await assert.rejects(readNpy(fixture(".")), VolumeFileError);
});

test("writeNpy: the bytes equal numpy.save's (fixtures/volume/npy_*.npy)", async () => {
  await using folder = await temporaryFolder();
  const plain = arrays.filter(
    ({ file, dtype, fileDtype }) => dtype === fileDtype && !/big_endian|fortran|version/.test(file),
  );
  assert.ok(plain.length >= 10);
  for (const { file } of plain) {
    const path = join(folder.path, file);
    await writeNpy(path, await readNpy(fixture(file)));
    const [ours, numpys] = await Promise.all([path, fixture(file)].map((name) => readFile(name)));
    const [a, b] = [ours, numpys].map((bytes) => parseNpyHeader(bytes as Buffer));
    assert.deepEqual(a, b, file);
    assert.deepEqual(ours?.subarray(a?.offset), numpys?.subarray(b?.offset), file);
    assert.equal((a?.offset ?? 1) % 64, 0);
  }
});

test("NpyWriter: chunks become one array, equal to writeNpy's values; the file does not exist before close", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "slices.npy");
  const all = Int16Array.from({ length: 5 * 3 * 4 }, (_, i) => i * 37 - 500);
  const writer = await NpyWriter.open(path, "int16", [3, 4]);
  assert.equal(await writer.append(all.subarray(0, 24)), 0);
  assert.equal(await writer.append(all.subarray(24, 24)), 2);
  assert.equal(await writer.append(all.subarray(24)), 2);
  assert.ok(!(await readdir(folder.path)).includes("slices.npy"));
  assert.deepEqual(await writer.close(), [5, 3, 4]);
  assert.deepEqual(await readdir(folder.path), ["slices.npy"]);
  assert.deepEqual(await readNpy(path), { dtype: "int16", shape: [5, 3, 4], data: all, fortranOrder: false });
  assert.equal((await readNpyHeader(path)).offset, 128);
  await assert.rejects(writer.append(all), VolumeArgumentError);
  await assert.rejects(writer.close(), VolumeArgumentError);
});

test("NpyWriter: abort, and leaving its scope without close, remove what was written", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "slices.npy");
  await assert.rejects(async () => {
    await using writer = await NpyWriter.open(path, "float32", [2]);
    await writer.append(Float32Array.of(1, 2));
    throw new Error("interrupted");
  }, /interrupted/);
  const writer = await NpyWriter.open(path, "uint8", [2]);
  await assert.rejects(writer.append(Uint8Array.of(1, 2, 3)), VolumeArgumentError);
  await assert.rejects(writer.append(Int16Array.of(1, 2)), VolumeArgumentError);
  await writer.abort();
  await writer.abort();
  assert.deepEqual(await readdir(folder.path), []);
  await assert.rejects(NpyWriter.open(join(folder.path, "none", "a.npy"), "int16", [2]), VolumeFileError);
});

test("writeNpy refuses data that do not match shape or dtype, and leaves no file", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "a.npy");
  await assert.rejects(writeNpy(path, { data: new Int16Array(5), shape: [2, 3] }), VolumeArgumentError);
  await assert.rejects(
    writeNpy(path, { data: new Int16Array(6), shape: [2, 3], dtype: "uint8" }),
    VolumeArgumentError,
  );
  await assert.rejects(writeNpy(path, { data: new Int16Array(6), shape: [-2, -3] }), VolumeArgumentError);
  assert.throws(() => encodeNpyHeader("int16", [1.5]), VolumeArgumentError);
  assert.deepEqual(await readdir(folder.path), []);
});

test("truncated and mutated npy: an array of the right length or a VolumeFormatError (300 seeded mutations)", async () => {
  const random = seeded(77);
  const source = new Uint8Array(await fixtureBytes("npy_int16.npy"));
  for (let length = 0; length < source.length; length++) {
    assert.throws(() => parseNpy(source.slice(0, length)), VolumeFormatError, `${length} bytes`);
  }
  for (let round = 0; round < 300; round++) {
    const bytes = source.slice();
    const at = Math.floor(random() * 128);
    bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8));
    try {
      const { data, shape } = parseNpy(bytes);
      assert.equal(
        data.length,
        shape.reduce((a, b) => a * b, 1),
      );
    } catch (error) {
      assert.ok(error instanceof VolumeFormatError, `round ${round}: ${String(error)}`);
    }
  }
});

test("parseNpy refuses absurd headers before memory is allocated", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "absurd.npy");
  const text = (shape: string) => `{'descr': '<f8', 'fortran_order': False, 'shape': (${shape}), }\n`;
  const file = (body: string) =>
    Buffer.concat([
      Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, body.length & 255, body.length >> 8]),
      Buffer.from(body),
    ]);
  for (const shape of ["9999999999, 9", "99999999999, 99999999999", "-1,", "1e3,", "a"]) {
    await writeFile(path, file(text(shape)));
    await assert.rejects(readNpy(path), VolumeFormatError, shape);
  }
  await writeFile(path, Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0, 255, 255, 255, 127, 0, 0]));
  await assert.rejects(readNpy(path), VolumeFormatError, "a header of 2 GiB");
});
