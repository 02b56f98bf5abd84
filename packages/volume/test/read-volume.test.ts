import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { assertVolume, parseVolume, VolumeFileError, VolumeFormatError } from "../src/index.js";
import { detectFormat, readNifti, readNpy, readVolume, type ReadPathOptions } from "../src/node.js";
import { fixture, obliqueVolume, raster, temporaryFolder } from "./fixtures.js";
import { formatCases, readCase } from "./format-cases/all.js";
import { formatsPage, updatesPages } from "./formats-page.js";

for (const formatCase of formatCases) {
  const { format, what, outcome } = formatCase;
  test(`${format}, ${what}: ${outcome === "read" ? "read" : "refused"}`, async () => {
    await using folder = await temporaryFolder();
    const path = await formatCase.make(folder.path);
    if (outcome === "read") {
      const read = await readVolume(path);
      assertVolume(read.volume);
      assert.equal(await detectFormat(path), read.format);
      return;
    }
    await assert.rejects(readCase(formatCase, path), (error) => {
      assert.ok(error instanceof VolumeFormatError || error instanceof VolumeFileError, String(error));
      assert.match(error.message, outcome);
      assert.ok(error.remedy.length > 0);
      return true;
    });
  });
}

test("docs/reference/formats.md matches these cases", async () => {
  const { path, before, after } = await formatsPage();
  if (updatesPages) await writeFile(path, after);
  else assert.equal(before, after, "the page is stale: run UPDATE_DOCS=1 make test ONLY=read-volume");
});

test("parseVolume gives the same from memory, for each format that has one file", async () => {
  for (const path of [
    fixture("int16.nii"),
    fixture("int16.nii.gz"),
    fixture("nifti2_big_endian.nii.gz"),
    raster("int16_big_endian_gzip.nrrd"),
    raster("int16_msb_zlib.mha"),
    fixture("npy_int16.npy"),
  ])
    assert.deepEqual(await parseVolume(await readFile(path)), await readVolume(path), path);
  const data = await readFile(raster("zlib.zraw"));
  assert.deepEqual(
    await parseVolume(await readFile(raster("zlib.mhd")), { data }),
    await readVolume(raster("zlib.mhd")),
  );
});

test("parseVolume refuses each kind of unsupported input", async () => {
  const gzip = await readFile(fixture("int16.nii.gz"));
  await assert.rejects(parseVolume(gzip.subarray(0, -5), { file: "a.nii.gz" }), /a\.nii\.gz.*ends early/);
  await assert.rejects(parseVolume(Buffer.from("rubbish")), VolumeFileError);
  await assert.rejects(parseVolume(Buffer.from("rubbish"), { file: "a.nrrd" }), /not readable as NRRD/);
  const dicom = Buffer.alloc(200);
  dicom.write("DICM", 128);
  await assert.rejects(parseVolume(dicom), /DICOM reader/);
});

test("readVolume: the unit that the caller passes, else HU for scans and none for arrays", async () => {
  assert.equal((await readVolume(fixture("int16.nii"))).volume.unit, "HU");
  assert.equal((await readVolume(fixture("npy_int16.npy"))).volume.unit, "arbitrary");
  for (const path of [fixture("int16.nii"), fixture("npy_int16.npy"), raster("int16.nrrd")])
    for (const unit of ["HU", "arbitrary"] as const)
      assert.equal((await readVolume(path, { unit })).volume.unit, unit);
});

test("readVolume: an array (H, W, slices) becomes x = W, y = H, z = slices (npy_int16.npy)", async () => {
  const { volume } = await readVolume(fixture("npy_int16.npy"));
  assert.deepEqual(volume.shape, [3, 2, 4]);
  const { data } = await readNpy(fixture("npy_int16.npy"));
  for (let y = 0; y < 2; y++)
    for (let x = 0; x < 3; x++)
      for (let z = 0; z < 4; z++) assert.equal(volume.data[x + 3 * (y + 2 * z)], data[z + 4 * (x + 3 * y)]);
});

test("detectFormat goes by the content, whatever the name; only .img by its name", async () => {
  await using folder = await temporaryFolder();
  const at = async (name: string, from: string) => {
    await writeFile(join(folder.path, name), await readFile(from));
    return join(folder.path, name);
  };
  assert.equal(await detectFormat(await at("a", fixture("int16.nii.gz"))), "NIfTI");
  assert.equal(await detectFormat(await at("b.nii.gz", raster("int16.nrrd"))), "NRRD");
  assert.equal(await detectFormat(await at("c.png", raster("int16.mha"))), "MetaImage");
  assert.equal(await detectFormat(await at("d.txt", fixture("npy_int16.npy"))), "npy");
  assert.deepEqual((await readVolume(join(folder.path, "a"))).volume, await readNifti(fixture("int16.nii")));
  await writeFile(join(folder.path, "e.img"), new Uint8Array(100));
  assert.equal(await detectFormat(join(folder.path, "e.img")), "NIfTI");
  await writeFile(join(folder.path, "f.bin"), new Uint8Array(0));
  assert.equal(await detectFormat(join(folder.path, "f.bin")), null);
  await assert.rejects(detectFormat(join(folder.path, "missing")), VolumeFileError);
  await assert.rejects(readVolume(join(folder.path, "f.bin")), VolumeFileError);
});

test("DICOM, a file, a folder or a zip, is passed to the caller's reader; without one it is refused", async () => {
  await using folder = await temporaryFolder();
  const dicom = Buffer.alloc(200);
  dicom.write("DICM", 128);
  const file = join(folder.path, "series", "IM0001");
  await mkdir(join(folder.path, "series"));
  await writeFile(file, dicom);
  const zip = join(folder.path, "a.zip");
  await writeFile(zip, Buffer.from([0x50, 0x4b, 5, 6, ...new Array<number>(18).fill(0)]));
  const asked: string[] = [];
  const readDicom: ReadPathOptions["readDicom"] = (path) => {
    asked.push(path);
    return Promise.resolve(obliqueVolume(new Int16Array(8), [2, 2, 2]));
  };
  for (const path of [file, join(folder.path, "series"), zip]) {
    const { format } = await readVolume(path, { readDicom });
    assert.equal(format, path === zip ? "zip" : "DICOM");
    await assert.rejects(
      readVolume(path),
      (error) => error instanceof VolumeFormatError && error.format === format,
    );
  }
  assert.deepEqual(asked, [file, join(folder.path, "series"), zip]);
  await mkdir(join(folder.path, "empty"));
  await assert.rejects(readVolume(join(folder.path, "empty")), VolumeFileError);
});
