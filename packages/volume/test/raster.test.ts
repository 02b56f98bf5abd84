import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import {
  affineMatrix,
  assertVolume,
  parseMetaImage,
  parseMetaImageHeader,
  parseNrrd,
  parseNrrdHeader,
  VolumeFileError,
  VolumeFormatError,
} from "../src/index.js";
import { readMetaImage, readNrrd } from "../src/node.js";
import { assertClose, raster, temporaryFolder } from "./fixtures.js";

interface RasterFact {
  file: string;
  array: string;
  shape: number[];
  affineLps: number[];
  values: number[];
}
const facts = JSON.parse(readFileSync(raster("rasters.json"), "utf8")) as RasterFact[];
const isNrrd = (file: string) => /\.n(rrd|hdr)$/.test(file);

for (const fact of facts) {
  const read = isNrrd(fact.file) ? readNrrd : readMetaImage;
  const oracle = isNrrd(fact.file) ? "teem's" : "numpy's";
  test(`${read.name} ${fact.file}: voxels, type and affine equal ${oracle} (fixtures/rasters/rasters.py)`, async () => {
    const volume = await read(raster(fact.file));
    assertVolume(volume);
    assert.equal(volume.data.constructor.name, fact.array);
    assert.deepEqual(volume.shape, fact.shape);
    const expected = fact.array === "Float32Array" ? Float32Array.from(fact.values) : fact.values;
    assert.deepEqual(Array.from(volume.data), Array.from(expected));
    assertClose(affineMatrix(volume), fact.affineLps, 1e-5, "affine");
    assert.equal(volume.unit, "HU");
  });

  test(`${fact.file} from memory, as a browser reads it, equals the file`, async () => {
    const bytes = await readFile(raster(fact.file));
    const header = (isNrrd(fact.file) ? parseNrrdHeader : parseMetaImageHeader)(bytes, fact.file);
    const data = header.dataFile === null ? {} : { data: await readFile(raster(header.dataFile)) };
    const parse = isNrrd(fact.file) ? parseNrrd : parseMetaImage;
    assert.deepEqual(await parse(bytes, { ...data, unit: "HU" }), await read(raster(fact.file)));
  });
}

test("truncated anywhere, an NRRD or MetaImage file is refused: raw, gzip, zlib and text, from file and memory", async () => {
  await using folder = await temporaryFolder();
  for (const file of [
    "int16.nrrd",
    "int16_big_endian_gzip.nrrd",
    "ascii.nrrd",
    "int16.mha",
    "int16_msb_zlib.mha",
    "text.mha",
  ]) {
    const bytes = await readFile(raster(file));
    for (
      let length = 0;
      length < bytes.length;
      length += length < 40 || length > bytes.length - 12 ? 1 : 13
    ) {
      const path = join(folder.path, file);
      await writeFile(path, bytes.subarray(0, length));
      // "ElementDataFile = LO" names a file that does not exist.
      const refused = (error: unknown) =>
        (error instanceof VolumeFormatError && error.file === path) || error instanceof VolumeFileError;
      await assert.rejects(
        (isNrrd(file) ? readNrrd : readMetaImage)(path),
        refused,
        `${file}: ${length} bytes`,
      );
      const parsed = (isNrrd(file) ? parseNrrd : parseMetaImage)(bytes.subarray(0, length));
      await assert.rejects(parsed, VolumeFormatError, `${file}: ${length} bytes, from memory`);
    }
  }
});

test("a complete gzip stream with too few or too many voxels is refused", async () => {
  await using folder = await temporaryFolder();
  const bytes = await readFile(raster("int16_big_endian_gzip.nrrd"));
  const end = bytes.indexOf("\n\n") + 2;
  const voxels = gunzipSync(bytes.subarray(end));
  const path = join(folder.path, "a.nrrd");
  for (const [content, words] of [
    [voxels.subarray(0, -2), /expected 120 bytes of voxels .* holds 118/],
    [Buffer.concat([voxels, Buffer.alloc(70000)]), /continues for more than 65536 bytes/],
  ] as const) {
    await writeFile(path, Buffer.concat([bytes.subarray(0, end), gzipSync(content)]));
    await assert.rejects(
      readNrrd(path),
      (error) => error instanceof VolumeFormatError && words.test(error.message),
    );
    await assert.rejects(parseNrrd(await readFile(path)), words);
  }
});

test("a detached header only reads data in its folder: a missing or absolute name, or one with .., is refused", async () => {
  await using folder = await temporaryFolder();
  const header = await readFile(raster("detached.nhdr"), "utf8");
  const path = join(folder.path, "a.nhdr");
  await writeFile(path, header);
  await assert.rejects(
    readNrrd(path),
    (error) => error instanceof VolumeFileError && /detached\.raw/.test(error.message),
  );
  await copyFile(raster("detached.raw"), join(folder.path, "voxels.raw"));
  for (const name of [
    join(folder.path, "voxels.raw"),
    "../voxels.raw",
    "a/../../voxels.raw",
    "C:\\voxels.raw",
    "",
  ]) {
    await writeFile(path, header.replace("detached.raw", name));
    await assert.rejects(
      readNrrd(path),
      (error) => error instanceof VolumeFormatError && /outside of its folder/.test(error.message),
      name,
    );
  }
  await mkdir(join(folder.path, "sub"));
  await copyFile(raster("detached.raw"), join(folder.path, "sub", "voxels.raw"));
  await writeFile(path, header.replace("detached.raw", "sub/voxels.raw"));
  assert.deepEqual((await readNrrd(path)).data, (await readNrrd(raster("detached.nhdr"))).data);
});

test("the unit is the one that the caller passes", async () => {
  assert.equal((await readNrrd(raster("int16.nrrd"), { unit: "arbitrary" })).unit, "arbitrary");
  assert.equal((await readMetaImage(raster("int16.mha"), { unit: "arbitrary" })).unit, "arbitrary");
});

test("a header without a spacing, or with two, has a note that says what was used", () => {
  const encoder = new TextEncoder();
  const nrrdStart = "NRRD0004\ntype: short\nendian: little\ndimension: 3\nsizes: 4 3 2\n";
  const nrrd = (more: string) => parseNrrdHeader(encoder.encode(`${nrrdStart}${more}encoding: raw\n\n`));
  const silent = "the header does not give the spacing along";
  assert.deepEqual(nrrd("").geometryNotes, [`${silent} x, y, z: 1 mm was assumed`]);
  assert.deepEqual(nrrd("spacings: 0.7 0.7 nan\n").geometryNotes, [`${silent} z: 1 mm was assumed`]);
  assert.deepEqual(nrrd("spacings: 0.7 0.7 2.5\n").geometryNotes, []);
  const directions = "space: left-posterior-superior\nspace directions: (1,0,0) (0,1,0) (0,0,2)\n";
  assert.deepEqual(nrrd(directions).geometryNotes, []);
  const metaEnd = "ElementType = MET_SHORT\nElementDataFile = LOCAL\n";
  const meta = (more: string, size = "4 3 2") =>
    parseMetaImageHeader(encoder.encode(`NDims = 3\nDimSize = ${size}\n${more}${metaEnd}`));
  assert.deepEqual(meta("").geometryNotes, [`${silent} x, y, z: 1 mm was assumed`]);
  assert.deepEqual(meta("", "4 3 1").geometryNotes, [`${silent} x, y: 1 mm was assumed`]);
  assert.deepEqual(meta("ElementSize = 1 1 5\n").geometryNotes, []);
  assert.deepEqual(meta("ElementSpacing = 1 1 2.5\nElementSize = 1 1 5\n").geometryNotes, [
    "ElementSpacing is 1 x 1 x 2.5, ElementSize 1 x 1 x 5: ElementSpacing was used",
  ]);
});
