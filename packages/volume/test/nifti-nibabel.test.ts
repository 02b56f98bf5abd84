import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { parseNifti, VolumeFileError, VolumeFormatError } from "../src/index.js";
import { readNifti, readNiftiHeader } from "../src/node.js";
import { affineRas, assertClose, fixture, realFolder, temporaryFolder, withoutReal } from "./fixtures.js";
import { python, without } from "./python.js";

const nibabel = without("nibabel");

interface Written {
  file: string;
  dtype: string;
  affine: number[];
  values: number[];
}

/** Every type, byte order, version and container that nibabel writes; values and affines as nibabel reads them back. */
const WRITE_ALL = `
import itertools, json, os, sys
import nibabel as nib, numpy as np
folder = sys.argv[1]
rng = np.random.default_rng(5)
affine = np.array([[0.6, -0.2, 0.1, -30.5], [0.25, 0.7, -0.3, 12.0], [0.05, 0.2, 2.5, -110.25], [0, 0, 0, 1]])
dtypes = ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
kinds = [("nii", nib.Nifti1Image), ("nii", nib.Nifti2Image), ("hdr", nib.Nifti1Pair), ("hdr", nib.Nifti2Pair)]
facts = []
for dtype, order, (number, (ending, kind)), gz in itertools.product(dtypes, "<>", enumerate(kinds), ["", ".gz"]):
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.dtype(dtype).newbyteorder(order))
    data = rng.normal(0, 900, (5, 4, 3))
    data = (np.abs(data) % 250 if dtype.startswith("u") else data % 100 if dtype == "int8" else data).astype(dtype)
    name = f"{dtype}_{'big' if order == '>' else 'little'}_{number}.{ending}{gz}"
    image = kind(data, affine, header)
    image.to_filename(os.path.join(folder, name.replace(".hdr", ".img")))
    back = nib.load(os.path.join(folder, name.replace(".hdr", ".img")))
    assert back.header.endianness == order
    values = np.asanyarray(back.dataobj).astype(float).ravel(order="F").tolist()
    facts.append({"file": name, "dtype": dtype, "affine": back.affine.ravel().tolist(), "values": values})
print(json.dumps(facts))
`;

const arrayOf = (dtype: string) =>
  ({ int64: "Int32Array", uint64: "Int32Array" })[dtype] ??
  `${dtype.charAt(0).toUpperCase()}${dtype.slice(1)}Array`;

test(
  "readNifti on 160 files that nibabel writes: every type, both byte orders, NIfTI-1 and -2, single and pair, gzipped or not",
  { skip: nibabel },
  async () => {
    await using folder = await temporaryFolder();
    const written = python<Written[]>(WRITE_ALL, folder.path);
    assert.equal(written.length, 160);
    for (const { file, dtype, affine, values } of written) {
      const volume = await readNifti(join(folder.path, file));
      assert.deepEqual(volume.shape, [5, 4, 3], file);
      assert.deepEqual(Array.from(volume.data), values, file);
      assert.equal(volume.data.constructor.name, arrayOf(dtype), file);
      assertClose(affineRas(volume), affine, 1e-5, file);
      const header = await readNiftiHeader(join(folder.path, file));
      assert.equal(header.littleEndian, file.includes("little"), file);
      assert.equal(header.pair, file.includes(".hdr"), file);
    }
  },
);

const HASHES = `
import hashlib, json, sys
import nibabel as nib, numpy as np
image = nib.load(sys.argv[1])
data = np.asanyarray(image.dataobj)
print(json.dumps({"sha256": hashlib.sha256(data.tobytes(order="F")).hexdigest(), "dtype": data.dtype.name, "affine": image.affine.ravel().tolist()}))
`;

for (const file of [
  "tests_reference_files_aorta_report_test_result_models_ct_cropped.nii.gz",
  "tests_reference_files_example_ct.nii.gz",
  "tests_reference_files_pulmonary_report_models_ct_cropped.nii.gz",
]) {
  test(
    `readNifti on ${file.replace("tests_reference_files_", "")}: every voxel as nibabel reads it`,
    { skip: nibabel || withoutReal },
    async () => {
      const path = join(realFolder, file);
      const expected = python<{ sha256: string; dtype: string; affine: number[] }>(HASHES, path);
      const volume = await readNifti(path);
      assert.equal(volume.data.constructor.name, arrayOf(expected.dtype));
      assert.equal(createHash("sha256").update(volume.data).digest("hex"), expected.sha256);
      assertClose(affineRas(volume), expected.affine, 1e-5, "affine");
    },
  );
}

/** The halves of int16.nii as a pair, by the layout of nifti1.h. */
async function pairOf(name: string): Promise<{ header: Uint8Array; image: Uint8Array }> {
  const bytes = new Uint8Array(await readFile(fixture(name)));
  const header = bytes.slice(0, 352);
  header.set(new TextEncoder().encode("ni1"), 344);
  new DataView(header.buffer).setFloat32(108, 0, true);
  return { header, image: bytes.slice(352) };
}

test("readNifti: a pair by either name, each half plain or gzipped, equals the single file (int16.nii)", async () => {
  const { header, image } = await pairOf("int16.nii");
  const single = await readNifti(fixture("int16.nii"));
  for (const [h, i] of [
    ["a.hdr", "a.img"],
    ["a.hdr.gz", "a.img"],
    ["a.hdr", "a.img.gz"],
    ["a.HDR", "a.IMG"],
  ] as const) {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, h), h.endsWith(".gz") ? gzipSync(header) : header);
    await writeFile(join(folder.path, i), i.endsWith(".gz") ? gzipSync(image) : image);
    for (const name of [h, i]) assert.deepEqual(await readNifti(join(folder.path, name)), single, name);
  }
  assert.deepEqual(parseNifti(header, { image }), single, "from memory");
  assert.throws(() => parseNifti(header), /header of a .hdr\/.img pair/);
});

test("readNifti: a pair that is incomplete, truncated or misnamed is refused by name", async () => {
  await using folder = await temporaryFolder();
  const { header, image } = await pairOf("int16.nii");
  const at = (name: string) => join(folder.path, name);
  await writeFile(at("a.hdr"), header);
  await assert.rejects(
    readNifti(at("a.hdr")),
    (error) => error instanceof VolumeFileError && /a\.img is not beside it/.test(error.message),
  );
  await writeFile(at("a.img"), image.subarray(0, -1));
  await assert.rejects(
    readNifti(at("a.hdr")),
    (error) => error instanceof VolumeFormatError && /a\.img.*the file holds/.test(error.message),
  );
  await rename(at("a.hdr"), at("a.nii"));
  await assert.rejects(
    readNifti(at("a.nii")),
    (error) => error instanceof VolumeFormatError && /does not end in \.hdr/.test(error.message),
  );
});

test("readNifti refuses Analyze 7.5 by its name (nibabel writes it)", { skip: nibabel }, async () => {
  await using folder = await temporaryFolder();
  const program = `import sys, nibabel as nib, numpy as np
nib.AnalyzeImage(np.zeros((3, 4, 5), np.int16), np.eye(4)).to_filename(sys.argv[1]); print(1)`;
  python<number>(program, join(folder.path, "a.img"));
  for (const name of ["a.hdr", "a.img"])
    await assert.rejects(
      readNifti(join(folder.path, name)),
      (error) => error instanceof VolumeFormatError && /Analyze 7\.5/.test(error.message),
    );
});
