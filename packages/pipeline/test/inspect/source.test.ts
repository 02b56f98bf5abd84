import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import sharp from "sharp";
import { DicomSeriesError } from "@slicestack/volume";
import { writeNifti, writeNpy } from "@slicestack/volume/node";
import { PrepareError } from "../../src/data/errors.js";
import { InspectError } from "../../src/inspect/errors.js";
import { inspect, type InspectOptions } from "../../src/tasks/inspect.js";
import type { SourceLook } from "../../src/inspect/source-look.js";
import { inspectText } from "../../src/inspect/inspect-text.js";
import { temporaryFolder } from "../data/temporary.js";
import { phantom, writeDicom } from "./support.js";
import { zipOf } from "./zip.js";

const SALT = "a salt of 16 letters and more";

/** A made-up export: five series of two studies, a scout, a report, a text, and one series a second time. */
function exported(t: TestContext): { folder: string; saltFile: string } {
  const folder = temporaryFolder(t);
  const saltFile = join(folder, "salt");
  writeFileSync(saltFile, SALT);
  const pacs = join(folder, "export");
  writeDicom(join(pacs, "A/1"), "explicit", { description: "Lung" });
  writeDicom(join(pacs, "A/2"), "gap", { description: "Soft" });
  writeDicom(join(pacs, "A/3"), "aside-localizer", { description: "Scout" });
  writeDicom(join(pacs, "B/1"), "big-endian-bytes");
  writeDicom(join(pacs, "B/2"), "rle", { study: 7, patient: "P2", description: "Thin" });
  writeDicom(join(pacs, "B/3"), "aside-colour", { study: 7, patient: "P2" });
  writeFileSync(join(pacs, "B/README"), "about this disc");
  return { folder: pacs, saltFile };
}

async function listed(options: InspectOptions): Promise<SourceLook> {
  const { look } = await inspect(options);
  assert.ok(look.kind === "source");
  return look;
}

test("a DICOM export: every series with slices, spacing, size, syntax; refusals with their reason; the rest counted by reason", async (t) => {
  const { folder, saltFile } = exported(t);
  const { series, setAside, volumes } = await listed({ path: folder, saltFile });
  assert.deepEqual(volumes, []);
  const lines = series.map(({ description, slices, size, sliceSpacing, transferSyntaxes, refused }) => [
    description,
    slices,
    size.join("x"),
    sliceSpacing,
    transferSyntaxes.join(),
    refused === null,
  ]);
  assert.deepEqual(
    lines.sort((a, b) => String(a[0]).localeCompare(String(b[0]))),
    [
      ["Chest", 4, "6x5", 2.5, "Explicit VR Big Endian", true],
      ["Lung", 4, "6x5", 2.5, "Explicit VR Little Endian", true],
      ["Scout", 4, "6x5", 2.5, "Explicit VR Little Endian", true],
      ["Soft", 5, "6x5", 2.5, "Explicit VR Little Endian", false],
      ["Thin", 3, "32x24", 2.5, "RLE Lossless", true],
    ],
  );
  const soft = series.find(({ description }) => description === "Soft")!;
  assert.match(soft.refused!, /slices are missing.*--allow-gaps/s);
  assert.equal(soft.volume, null);
  assert.equal(new Set(series.map(({ study }) => study)).size, 2);
  assert.deepEqual(setAside.map(({ code, files }) => [code, files]).sort(), [
    ["colour", 1],
    ["localizer", 1],
    ["not-dicom", 1],
    ["same-instance", 4],
  ]);
});

test("PatientIDs are salted hashes, those of subjects.csv, unless ids are kept; names and birth dates come nowhere", async (t) => {
  const { folder, saltFile } = exported(t);
  const result = await inspect({ path: folder, saltFile });
  assert.ok(result.look.kind === "source");
  const hash = (id: string) => createHmac("sha256", SALT).update(`patient ${id}`).digest("hex").slice(0, 12);
  assert.deepEqual(
    [...new Set(result.look.series.map(({ patient }) => patient))].sort(),
    [hash("P1"), hash("P2")].sort(),
  );
  const text = inspectText(result) + JSON.stringify(result);
  assert.doesNotMatch(text, /SECRET|19010203|"P1"|\bP2\b|2020010[23]/);
  const one = await inspect({ path: folder, saltFile, series: "thin", out: join(folder, "../out") });
  assert.doesNotMatch(inspectText(one) + JSON.stringify(one), /SECRET|19010203|\bP2\b|2020010[23]/);
  const kept = await listed({ path: folder, keepIds: true });
  assert.deepEqual([...new Set(kept.series.map(({ patient }) => patient))].sort(), ["P1", "P2"]);
});

test("--series picks one: a UID, an expression on the description, the thinnest; what is not there is named", async (t) => {
  const { folder, saltFile } = exported(t);
  const picked = async (series: string) => {
    const { look } = await inspect({ path: folder, saltFile, series });
    assert.ok(look.kind === "volume", JSON.stringify(look));
    return look;
  };
  const thin = await picked("thin");
  assert.deepEqual(
    [thin.format, thin.shape, thin.unit, thin.orientation],
    ["DICOM", [32, 24, 3], "HU", "LPS"],
  );
  assert.deepEqual(
    [thin.facts["description"], thin.facts["transfer syntax"], thin.facts["model"]],
    ["Thin", "RLE Lossless", "Model 5"],
  );
  assert.deepEqual(thin.setAside.map(({ code }) => code).sort(), [
    "colour",
    "localizer",
    "not-dicom",
    "same-instance",
  ]);
  const { series } = await listed({ path: folder, saltFile });
  const lung = series.find(({ description }) => description === "Lung")!;
  assert.equal((await picked(lung.uid)).facts["description"], "Lung");
  assert.equal((await picked("^lu")).facts["description"], "Lung");
  await assert.rejects(inspect({ path: folder, saltFile, series: "kidney" }), /none matches kidney.*"Lung"/s);
  await assert.rejects(
    inspect({ path: folder, saltFile, series: "(" }),
    (error) => error instanceof PrepareError && /regular expression/.test(error.message),
  );
});

test("a series that prepare refuses: listed with the reason, not usable; with --allow-gaps it is read; pictures of it get the refusal", async (t) => {
  const { folder, saltFile } = exported(t);
  const options = { path: folder, saltFile, series: "soft" };
  const refused = await inspect(options);
  assert.ok(refused.look.kind === "source" && !refused.usable);
  assert.match(refused.look.series[0]!.refused!, /slices are missing/);
  await assert.rejects(inspect({ ...options, montage: join(folder, "m.png") }), DicomSeriesError);
  // Of equal spacing the one with most slices is the thinnest: what prepare would take.
  const { look } = await inspect({ ...options, series: "thinnest", allowGaps: true });
  assert.ok(look.kind === "volume");
  assert.deepEqual([look.shape, look.facts["gaps_filled"]], [[6, 5, 7], "2"]);
});

test("a volume file that holds nothing is listed with the reason, and is not usable", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "empty.nii.gz"), "");
  writeFileSync(join(folder, "text.mha"), "no header at all");
  const { look } = await inspect({ path: folder });
  assert.ok(look.kind === "source" && look.volumes.length === 2);
  for (const { refused, format } of look.volumes) {
    assert.equal(format, "–");
    assert.match(refused!, /its content has no known format/);
  }
});

test("one DICOM file can be looked at, and is said to be no volume", async (t) => {
  const folder = temporaryFolder(t);
  const [[name]] = [...writeDicom(folder, "one-slice")] as [[string, Buffer]];
  const { look, usable } = await inspect({ path: join(folder, name), keepIds: true });
  assert.ok(look.kind === "volume" && usable);
  assert.equal(look.shape[2], 1);
  assert.match(look.facts["prepare refuses it"]!, /one slice/);
});

test("a zip of DICOM, a folder of slices, an array and an archive are told apart by what they hold", async (t) => {
  const folder = temporaryFolder(t);
  const files = writeDicom(join(folder, "plain"), "jpeg-ls");
  const zip = join(folder, "export.zip");
  writeFileSync(zip, zipOf(files));
  const zipped = await inspect({ path: zip, keepIds: true });
  const plain = await inspect({ path: join(folder, "plain"), keepIds: true });
  assert.ok(zipped.look.kind === "volume" && plain.look.kind === "volume");
  assert.deepEqual(zipped.look.values, plain.look.values);
  assert.equal(zipped.look.facts["transfer syntax"], "JPEG-LS Lossless");

  mkdirSync(join(folder, "pngs"));
  for (const k of [1, 2, 10]) {
    const image = sharp(Buffer.alloc(8 * 6, 10 * k), { raw: { width: 8, height: 6, channels: 1 } });
    await image
      .toColourspace("b-w")
      .png()
      .toFile(join(folder, "pngs", `s_${k === 10 ? 3 : k}.png`));
  }
  const pngs = await inspect({ path: join(folder, "pngs") });
  assert.ok(pngs.look.kind === "volume");
  assert.deepEqual(
    [pngs.look.format, pngs.look.shape, pngs.look.values.min, pngs.look.values.max],
    ["PNG", [8, 6, 3], 10, 100],
  );

  // Content decides, not the name.
  await writeNifti(join(folder, "scan.nii"), phantom());
  renameSync(join(folder, "scan.nii"), join(folder, "scan"));
  const bare = await inspect({ path: join(folder, "scan") });
  assert.ok(bare.look.kind === "volume" && bare.look.format === "NIfTI");
});

test("a folder of several volumes: sizes from headers, a damaged one with its reason; --id chooses, a typo is named", async (t) => {
  const folder = temporaryFolder(t);
  const volume = phantom("RAS");
  for (const name of ["class_0", "class_1"]) mkdirSync(join(folder, name));
  await writeNifti(join(folder, "class_0/a.nii.gz"), volume);
  await writeNifti(join(folder, "class_1/b.nii"), volume);
  await writeNpy(join(folder, "class_1/c.npy"), { data: new Uint8Array(24), shape: [2, 3, 4] });
  writeFileSync(join(folder, "class_1/d.nii"), Buffer.alloc(400, 7));
  const look = await listed({ path: folder });
  assert.deepEqual(
    look.volumes.map(({ path, format, shape, class: label, refused }) => [
      path,
      format,
      shape,
      label,
      refused === null,
    ]),
    [
      ["class_0/a.nii.gz", "NIfTI", volume.shape, "class_0", true],
      ["class_1/b.nii", "NIfTI", volume.shape, "class_1", true],
      ["class_1/c.npy", "npy", [3, 2, 4], "class_1", true],
      ["class_1/d.nii", "–", null, "class_1", false],
    ],
  );
  for (const id of ["b", "class_1/b.nii"]) {
    const one = await inspect({ path: folder, id });
    assert.ok(one.look.kind === "volume" && one.look.orientation === "RAS", id);
    assert.equal(one.look.facts["class"], "class_1");
  }
  await assert.rejects(
    inspect({ path: folder, id: "e" }),
    (error) => error instanceof InspectError && /matches none of 4/.test(error.message),
  );
  await assert.rejects(inspect({ path: folder, montage: join(folder, "m.png") }), /found 4.*--id/s);
  await assert.rejects(inspect({ path: folder, series: "thinnest" }), /no DICOM series/);
  await assert.rejects(inspect({ path: join(folder, "class_1/d.nii") }), /d\.nii/);
  await assert.rejects(inspect({ path: join(folder, "nowhere") }), PrepareError);
});

test("geometry and values of one file are said as they are stored, also in the text", async (t) => {
  const folder = temporaryFolder(t);
  const volume = phantom("LAS");
  const path = join(folder, "scan.nii.gz");
  await writeNifti(path, volume);
  const result = await inspect({ path });
  const { look } = result;
  assert.ok(look.kind === "volume");
  assert.deepEqual(
    [look.orientation, look.shape, look.dtype, look.unit],
    ["LAS", volume.shape, "int16", "HU"],
  );
  look.spacing.forEach((mm, axis) => assert.ok(Math.abs(mm - volume.spacing[axis]!) < 1e-5));
  look.origin.forEach((mm, axis) => assert.ok(Math.abs(mm - volume.origin[axis]!) < 1e-3));
  const text = inspectText(result);
  assert.match(text, /LAS: x to the left, y to the front, z to the head/);
  assert.match(text, /NIfTI-1, int16, little endian/);
  assert.match(text, /Share of voxels by HU/);
});
