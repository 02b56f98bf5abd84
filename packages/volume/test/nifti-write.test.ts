import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { affineMatrix, reorient, VolumeArgumentError, VolumeFileError, type Volume } from "../src/index.js";
import { readNifti, readNiftiHeader, writeNifti } from "../src/node.js";
import { affineRas, assertClose, facts, fixture, obliqueVolume, temporaryFolder } from "./fixtures.js";

const types = [
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
];

test("writeNifti then readNifti: voxels, type and geometry are restored, for all types, .nii and .nii.gz", async () => {
  await using folder = await temporaryFolder();
  for (const Type of types) {
    for (const ending of ["nii", "nii.gz"]) {
      const volume = obliqueVolume(new Type(7 * 5 * 3), [7, 5, 3]);
      const path = join(folder.path, `${Type.name}.${ending}`);
      await writeNifti(path, volume);
      const again = await readNifti(path);
      assert.deepEqual(again.data, volume.data);
      assert.deepEqual(again.shape, volume.shape);
      assertClose(affineMatrix(again), affineMatrix(volume), 1e-4, "affine");
    }
  }
  const gzip = await readFile(join(folder.path, "Int16Array.nii.gz"));
  assert.deepEqual([...gzip.subarray(0, 2)], [0x1f, 0x8b]);
});

test("writeNifti: the qform equals the sform, in all 48 orientations", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "a.nii");
  const volume = obliqueVolume(new Int16Array(24), [4, 3, 2]);
  for (const code of orientations()) {
    const turned = reorient(volume, code);
    await writeNifti(path, turned);
    const bytes = await readFile(path);
    bytes.writeInt16LE(0, 254); // no sform: the reader must use the qform
    await writeFile(path, bytes);
    assert.equal((await readNiftiHeader(path)).geometry, "qform");
    assertClose(affineMatrix(await readNifti(path)), affineMatrix(turned), 1e-4, code);
  }
});

function orientations(): string[] {
  const orders = ["012", "021", "102", "120", "201", "210"];
  return orders.flatMap((order) =>
    Array.from({ length: 8 }, (_, flips) =>
      [...order]
        .map((axis) => (["LR", "PA", "SI"][Number(axis)] as string).charAt((flips >> Number(axis)) & 1))
        .join(""),
    ),
  );
}

test("writeNifti: sheared axes are kept in the sform; there is no contradicting qform", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "a.nii");
  const sheared = await readNifti(fixture("sform_sheared.nii"));
  await writeNifti(path, sheared);
  const again = await readNifti(path);
  assertClose(affineRas(again), affineRas(sheared), 1e-5, "affine");
  assert.equal((await readFile(path)).readInt16LE(252), 0, "qform_code");
});

const nibabel = hasNibabel() ? false : "no python with nibabel";

function hasNibabel(): boolean {
  try {
    execFileSync("/usr/bin/python3", ["-c", "import nibabel"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test("writeNifti: nibabel reads the same voxels, sform, qform and mm", { skip: nibabel }, async () => {
  await using folder = await temporaryFolder();
  const program = `import sys, json, numpy as np, nibabel as nib
i = nib.load(sys.argv[1]); h = i.header
print(json.dumps([np.asanyarray(i.dataobj).ravel(order="F").tolist(), h.get_sform().tolist(), h.get_qform().tolist(),
  [int(h["sform_code"]), int(h["qform_code"])], list(h.get_xyzt_units()), h.get_data_dtype().name, [float(z) for z in h.get_zooms()]]))`;
  for (const [Type, name] of [
    [Int16Array, "int16"],
    [Uint8Array, "uint8"],
    [Int8Array, "int8"],
    [Uint16Array, "uint16"],
    [Int32Array, "int32"],
    [Uint32Array, "uint32"],
    [Float32Array, "float32"],
    [Float64Array, "float64"],
  ] as const) {
    const volume = reorient(obliqueVolume(new Type(7 * 5 * 3), [7, 5, 3]), "RAI");
    const path = join(folder.path, "a.nii.gz");
    await writeNifti(path, volume);
    const output = execFileSync("/usr/bin/python3", ["-c", program, path], { encoding: "utf8" });
    const [values, sform, qform, codes, units, dtype, zooms] = JSON.parse(output) as [
      number[],
      number[][],
      number[][],
      number[],
      string[],
      string,
      number[],
    ];
    assert.deepEqual(values, Array.from(volume.data));
    assertClose(sform.flat(), affineRas(volume), 1e-4, "sform");
    assertClose(qform.flat(), affineRas(volume), 1e-4, "qform");
    assert.deepEqual([codes, units, dtype], [[1, 1], ["mm", "sec"], name]);
    assertClose(zooms, volume.spacing, 1e-6, "zooms");
  }
});

test("writeNifti: an invalid volume, or an axis longer than 32767, leaves no file", async () => {
  await using folder = await temporaryFolder();
  const good = obliqueVolume(new Int16Array(24), [4, 3, 2]);
  const bad: Volume[] = [
    { ...good, shape: [4, 3, 3] },
    { ...good, spacing: [0, 1, 1] },
    { ...good, direction: [1, 0, 0, 1, 0, 0, 0, 0, 1] },
    { ...good, origin: [NaN, 0, 0] },
    { ...good, data: new Int16Array(40000), shape: [40000, 1, 1] },
  ];
  for (const volume of bad)
    await assert.rejects(writeNifti(join(folder.path, "a.nii"), volume), VolumeArgumentError);
  await assert.rejects(writeNifti(join(folder.path, "missing", "a.nii"), good), VolumeFileError);
  await assert.rejects(writeNifti(folder.path, good), VolumeFileError, "a folder has the name");
  assert.deepEqual(await readdir(folder.path), []);
});

test("reading what nibabel wrote and writing it again keeps every voxel (fixtures/volume/nifti.json)", async () => {
  await using folder = await temporaryFolder();
  for (const { file } of facts<{ file: string }[]>("nifti.json")) {
    const volume = await readNifti(fixture(file));
    const path = join(folder.path, "again.nii.gz");
    await writeNifti(path, volume);
    assert.deepEqual((await readNifti(path)).data, volume.data, file);
  }
});
