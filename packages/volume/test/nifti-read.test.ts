import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import {
  assertVolume,
  orientationCode,
  parseNifti,
  parseNiftiHeader,
  VolumeFileError,
  VolumeFormatError,
} from "../src/index.js";
import { readNifti, readNiftiHeader } from "../src/node.js";
import { affineRas, assertClose, facts, fixture, fixtureBytes, realFolder, withoutReal } from "./fixtures.js";

interface NiftiFact {
  file: string;
  array: string;
  shape: number[];
  affineRas: number[][];
  codeTowards: string;
  values: number[];
}

for (const fact of facts<NiftiFact[]>("nifti.json")) {
  test(`readNifti ${fact.file}: voxels, type and affine equal nibabel's (fixtures/volume/make_fixtures.py)`, async () => {
    const volume = await readNifti(fixture(fact.file));
    assertVolume(volume);
    assert.equal(volume.data.constructor.name, fact.array);
    assert.deepEqual(volume.shape, fact.shape);
    const expected = fact.array === "Float32Array" ? Float32Array.from(fact.values) : fact.values;
    assert.deepEqual(Array.from(volume.data), Array.from(expected));
    assertClose(affineRas(volume), fact.affineRas.flat(), 1e-5, "affine");
    assert.equal(orientationCode(volume), fact.codeTowards);
    assert.equal(volume.unit, "HU");
    if (fact.file.endsWith(".gz")) return;
    const parsed = parseNifti(await fixtureBytes(fact.file), { unit: "arbitrary" });
    assert.deepEqual(
      parsed,
      { ...volume, unit: "arbitrary" },
      "reading from memory gives the same as from the file",
    );
  });
}

interface RealFact {
  file: string;
  shape: number[];
  affineRas: number[][];
  dtype: string;
  min: number;
  max: number;
  sum: number;
  codeTowards: string;
  probes: [number, number, number, number][];
}

for (const fact of facts<RealFact[]>("real.json")) {
  test(
    `readNifti on a real CT, ${fact.file}: nibabel's facts (fixtures/volume/real.json)`,
    { skip: withoutReal },
    async () => {
      const volume = await readNifti(join(realFolder, fact.file));
      assert.deepEqual(volume.shape, fact.shape);
      assert.equal(volume.data.constructor.name.toLowerCase(), `${fact.dtype}array`);
      assertClose(affineRas(volume), fact.affineRas.flat(), 1e-5, "affine");
      assert.equal(orientationCode(volume), fact.codeTowards);
      let [least, most, sum] = [Infinity, -Infinity, 0];
      for (const value of volume.data) {
        least = Math.min(least, value);
        most = Math.max(most, value);
        sum += value;
      }
      assert.deepEqual({ least, most, sum }, { least: fact.min, most: fact.max, sum: fact.sum });
      const [nx, ny] = volume.shape;
      for (const [x, y, z, value] of fact.probes) assert.equal(volume.data[x + nx * (y + ny * z)], value);
    },
  );
}

test("readNiftiHeader: version, byte order, type and source of the geometry, as in the fixtures", async () => {
  const pick = async (file: string) => {
    const { version, littleEndian, dtype, geometry, shape } = await readNiftiHeader(fixture(file));
    return { version, littleEndian, dtype, geometry, shape };
  };
  const shape = [5, 4, 3];
  assert.deepEqual(await pick("qform_only.nii"), {
    version: 1,
    littleEndian: true,
    dtype: "int16",
    geometry: "qform",
    shape,
  });
  assert.deepEqual(await pick("pixdim_only.nii"), {
    version: 1,
    littleEndian: true,
    dtype: "int16",
    geometry: "pixdim",
    shape,
  });
  assert.deepEqual(await pick("nifti2_big_endian.nii.gz"), {
    version: 2,
    littleEndian: false,
    dtype: "float32",
    geometry: "sform",
    shape,
  });
});

const formatError = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof VolumeFormatError, String(error));
  assert.equal(error.format, "NIfTI");
  assert.ok(error.remedy.length > 0);
  assert.match(error.message, pattern);
  return true;
};

test("readNifti refuses 4D, complex, npy and a folder, each with its own message", async () => {
  await assert.rejects(
    readNifti(fixture("four_dimensional.nii")),
    formatError(/one 3D volume, it is 4D: 3 x 2 x 2 x 2/),
  );
  await assert.rejects(readNifti(fixture("complex.nii")), formatError(/complex/));
  await assert.rejects(readNifti(fixture("npy_int16.npy")), formatError(/"n\+1" or "n\+2"/));
  await assert.rejects(readNifti(fixture(".")), (error) => error instanceof VolumeFileError);
  await assert.rejects(
    readNifti(fixture("missing.nii")),
    (error) => error instanceof VolumeFileError && /ENOENT/.test(error.message),
  );
});

/** A copy of int16.nii with some header bytes set. */
async function changed(set: (view: DataView) => void): Promise<ArrayBuffer> {
  const bytes = await fixtureBytes("int16.nii");
  set(new DataView(bytes));
  return bytes;
}

test("parseNifti refuses headers that contradict themselves (bytes set by nifti1.h)", async () => {
  const cases: [RegExp, (view: DataView) => void][] = [
    [/pair/, (v) => v.setUint8(345, 0x69)],
    [/expected 1 to 7 dimensions, its header says 9/, (v) => v.setInt16(40, 9, true)],
    [/expected sizes > 0/, (v) => v.setInt16(42, -5, true)],
    [/expected 65536 bytes|file holds/, (v) => v.setInt16(42, 32767, true)],
    [/declares/, (v) => [42, 44, 46].forEach((at) => v.setInt16(at, 32767, true))],
    [/data type is 3 /, (v) => v.setInt16(70, 3, true)],
    [/RGB/, (v) => v.setInt16(70, 128, true)],
    [/from byte 352 on/, (v) => v.setFloat32(108, 100, true)],
    [/from byte 352 on/, (v) => v.setFloat32(108, NaN, true)],
    [/the file holds 0/, (v) => v.setFloat32(108, 1e9, true)],
    [/intercept is NaN/, (v) => (v.setFloat32(112, 2, true), v.setFloat32(116, NaN, true))],
    [/three independent finite axes, its sform/, (v) => v.setFloat32(280, NaN, true)],
    [/three independent finite axes/, (v) => [280, 296, 312].forEach((at) => v.setFloat32(at, 0, true))],
  ];
  for (const [pattern, set] of cases) {
    const bytes = await changed(set);
    assert.throws(() => parseNifti(bytes, { file: "a.nii" }), formatError(pattern), String(pattern));
  }
  const gzip = await fixtureBytes("int16.nii.gz");
  assert.throws(() => parseNiftiHeader(gzip), formatError(/received gzip/));
});

test("parseNifti: padding after the voxels is accepted, 64 KiB more is not", async () => {
  const bytes = await fixtureBytes("int16.nii");
  const padded = (extra: number) => {
    const longer = new Uint8Array(bytes.byteLength + extra);
    longer.set(new Uint8Array(bytes));
    return longer.buffer;
  };
  assert.deepEqual(parseNifti(padded(1000)), parseNifti(bytes));
  assert.throws(() => parseNifti(padded(65537)), formatError(/continues for more than 65536 bytes/));
});
