/** DICOM files that this package writes, as pydicom and as this package read them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  encodeDicom,
  readDicomElements,
  readDicomSeries,
  scanDicom,
  VolumeArgumentError,
  VolumeFormatError,
  WRITTEN,
  type WrittenDataset,
} from "../../src/index.js";
import { temporaryFolder } from "../fixtures.js";
import { bytesOf, caseOf, memorySource } from "./cases.js";

const python = "/usr/bin/python3";
const skip =
  spawnSync(python, ["-c", "import pydicom"]).status === 0 ? false : "python3-pydicom is not installed";

const base: WrittenDataset = { SOPClassUID: "1.2.840.10008.5.1.4.1.1.7", SOPInstanceUID: "2.25.7" };

/** The value of one element, read without decoding it. */
async function valueOf(set: WrittenDataset, name: keyof typeof WRITTEN): Promise<Buffer> {
  const file = memorySource("x.dcm", encodeDicom({ ...base, ...set }));
  return Buffer.from((await readDicomElements(file, [WRITTEN[name][0]])).get(WRITTEN[name][0]) ?? []);
}

test("pydicom reads every kind of value, in order, with nested sequences", { skip }, async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "x.dcm");
  const set: WrittenDataset = {
    ...base,
    Rows: 513,
    SpecificCharacterSet: "ISO_IR 192",
    PatientName: "Müller^肺",
    ImagePositionPatient: ["-1.5", "2", "1e-3"],
    PatientID: Uint8Array.from(Buffer.from("odd")),
    TextValue: "a\\b",
    StudyID: "",
    ContentSequence: [
      { ValueType: "TEXT", ConceptNameCodeSequence: [{ CodeValue: "1" }, { CodeValue: "22" }] },
      {},
    ],
    PixelData: Uint8Array.of(1, 2, 3),
  };
  await writeFile(file, encodeDicom(set));
  const script = `
import json, sys, pydicom
ds = pydicom.dcmread(sys.argv[1])
print(json.dumps([[e.tag for e in ds] == sorted(e.tag for e in ds), ds.Rows, str(ds.PatientName), [float(v) for v in ds.ImagePositionPatient], ds.PatientID, ds.TextValue, ds.StudyID, ds.ContentSequence[0].ConceptNameCodeSequence[1].CodeValue, len(ds.ContentSequence), list(ds.PixelData), ds.file_meta.MediaStorageSOPInstanceUID, ds.file_meta.TransferSyntaxUID]))`;
  const { stdout, stderr } = spawnSync(python, ["-c", script, file], { encoding: "utf8" });
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), [
    true,
    513,
    "Müller^肺",
    [-1.5, 2, 0.001],
    "odd",
    "a\\b",
    "",
    "22",
    2,
    [1, 2, 3, 0],
    "2.25.7",
    "1.2.840.10008.1.2.1",
  ]);
});

test("texts are safe: no separators, no control characters, within their length, in their character set", async () => {
  const text = async (value: string, characterSet?: string) =>
    (
      await valueOf({ SeriesDescription: value, SpecificCharacterSet: characterSet }, "SeriesDescription")
    ).toString();
  assert.equal(await text("a\\b\u001b[31m\r\nc"), "a/b [31m c");
  assert.equal(await text("肺 ü"), "<U+80BA> <U+00FC>");
  assert.equal(await text("肺 ü", "ISO_IR 192"), "肺 ü");
  const latin = await valueOf(
    { SeriesDescription: "肺 ü", SpecificCharacterSet: "ISO_IR 100" },
    "SeriesDescription",
  );
  assert.equal(latin.toString("latin1"), "<U+80BA> ü");
  const long = await text("😀".repeat(70), "ISO_IR 192");
  assert.deepEqual([[...long].length, long.endsWith("😀...")], [64, true]);
  assert.equal((await text("x".repeat(64))).length, 64);
  // A text in UTF-8 that is not well-formed becomes one that is.
  assert.equal(await text("a\ud800", "ISO_IR 192"), "a\ufffd");
});

test("a value that its VR cannot hold is refused by the name of its element", () => {
  const refused = (set: WrittenDataset, name: string) =>
    assert.throws(
      () => encodeDicom({ ...base, ...set }),
      (error) => error instanceof VolumeArgumentError && error.argument === name,
    );
  refused({ Rows: 70_000 }, "Rows");
  refused({ Rows: "12" }, "Rows");
  refused({ PatientName: 3 }, "PatientName");
  refused({ ContentSequence: "x" }, "ContentSequence");
  refused({ PatientID: new Uint8Array(70_000) }, "LO");
});

test("elements are copied as they are from every encoding; a name only if it is asked for", async () => {
  const tags = [WRITTEN.PatientID[0], WRITTEN.PatientName[0], WRITTEN.StudyID[0]];
  for (const name of ["explicit", "implicit", "big-endian", "deflated"]) {
    const [file, bytes] = caseOf(name).files[0]!;
    const found = await readDicomElements(memorySource(file, bytesOf(bytes)), tags);
    assert.equal(Buffer.from(found.get(WRITTEN.PatientID[0])!).toString(), "P1", name);
    assert.match(Buffer.from(found.get(WRITTEN.PatientName[0])!).toString(), /SECRET/, name);
  }
  const refused = readDicomElements(memorySource("notes.txt", Buffer.from("no image")), tags);
  await assert.rejects(refused, VolumeFormatError);
  const long = encodeDicom({ ...base, PatientID: new Uint8Array(5000).fill(65) });
  await assert.rejects(readDicomElements(memorySource("long", long), tags), /at most 4096 bytes/);
});

test("what this package writes, it recognises as its own", async () => {
  const bytes = encodeDicom({
    ...base,
    Modality: "OT",
    Manufacturer: "Slicestack",
    ManufacturerModelName: "slicestack",
  });
  const { series, setAside } = await scanDicom([memorySource("own.dcm", bytes)]);
  assert.deepEqual([series.length, setAside.map(({ code }) => code)], [0, ["own-result"]]);
  const { series: others } = await scanDicom(
    caseOf("explicit").files.map(([file, index]) => memorySource(file, bytesOf(index))),
  );
  assert.equal((await readDicomSeries(others[0]!)).shape[2], 4);
});
