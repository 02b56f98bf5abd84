import assert from "node:assert/strict";
import { test } from "node:test";
import {
  affineMatrix,
  assertVolume,
  DicomSeriesError,
  planDicomSeries,
  readDicomSeries,
  scanDicom,
  VolumeFormatError,
  type DicomSeries,
  type DicomVolume,
} from "../../src/index.js";
import { assertClose } from "../fixtures.js";
import { cases, expectedHu, sourcesOf, type DicomCase } from "./cases.js";

for (const dicomCase of cases) {
  test(`DICOM ${dicomCase.name}: ${dicomCase.about}${dicomCase.volume ? ", equal to pydicom and numpy" : ""} (fixtures/dicom/make_series.py)`, async () => {
    const scan = await scanDicom(sourcesOf(dicomCase), dicomCase.scan_options);
    const aside = scan.setAside.map(({ name, code }) => [name, code]);
    assert.deepEqual(aside, dicomCase.set_aside ?? []);
    assert.ok(scan.setAside.every(({ reason }) => reason.startsWith("it") || reason.startsWith("its")));
    assert.equal(scan.series.length, dicomCase.series ?? 1);
    if (dicomCase.series === 0) return;
    const [series] = scan.series as [DicomSeries];
    assert.equal(series.part, dicomCase.part ?? "");
    checkPlan(series, dicomCase);
    const reading = readDicomSeries(series, dicomCase.options);
    if (dicomCase.error !== undefined) return assert.rejects(reading, refusalOf(dicomCase));
    if (dicomCase.format_error !== undefined) return assert.rejects(reading, formatErrorOf(dicomCase));
    checkVolume(await reading, dicomCase);
    assert.equal(series.seriesDescription, dicomCase.description ?? "Chest");
  });
}

/** Headers alone determine the shape or the refusal; they do not reveal damaged pixels. */
function checkPlan(series: DicomSeries, dicomCase: DicomCase): void {
  const plan = () => planDicomSeries(series, dicomCase.options);
  if (dicomCase.error !== undefined) return void assert.throws(plan, refusalOf(dicomCase));
  if (dicomCase.volume === undefined) return;
  const { shape, unit, facts, ...geometry } = plan();
  assert.deepEqual(shape, dicomCase.volume.shape);
  assertClose(
    affineMatrix({ data: new Int8Array(), shape, unit, ...geometry }),
    dicomCase.volume.affine,
    1e-5,
    "affine",
  );
  assert.equal(facts.filled.length, dicomCase.filled?.length ?? 0);
}

function checkVolume(volume: DicomVolume, dicomCase: DicomCase): void {
  const expected = dicomCase.volume as NonNullable<DicomCase["volume"]>;
  assertVolume(volume);
  assert.deepEqual(volume.shape, expected.shape);
  assert.equal(volume.data.constructor.name, expected.dtype === "int16" ? "Int16Array" : "Float32Array");
  assertClose(volume.data, expectedHu(expected), dicomCase.tolerance ?? 0, "HU");
  assertClose(affineMatrix(volume), expected.affine, 1e-5, "affine");
  assertOrthonormal(volume.direction);
  assert.equal(volume.unit, dicomCase.unit ?? "HU");
  const { facts } = volume;
  assert.deepEqual(
    facts.filled.map(({ slice, between }) => [slice, ...between]),
    dicomCase.filled ?? [],
  );
  assertClose([facts.tilt?.degrees ?? 0], [dicomCase.tilt ?? 0], 1e-3, "tilt");
  assert.deepEqual(facts.padding.left, dicomCase.padding_left ?? []);
  assert.equal(facts.lossy, (dicomCase.tolerance ?? 0) > 0);
}

function assertOrthonormal(direction: readonly number[]): void {
  const products = [0, 1, 2].flatMap((a) =>
    [0, 1, 2].map((b) => [0, 3, 6].reduce((sum, row) => sum + direction[row + a]! * direction[row + b]!, 0)),
  );
  assertClose(products, [1, 0, 0, 0, 1, 0, 0, 0, 1], 1e-12, "direction");
}

const refusalOf = (dicomCase: DicomCase) => (error: unknown) => {
  assert.ok(error instanceof DicomSeriesError, String(error));
  assert.equal(error.code, dicomCase.error, error.message);
  assert.deepEqual([...error.files].sort(), [...(dicomCase.about_files ?? [])].sort());
  assert.ok(error.remedy.length > 0 && error.message.endsWith(error.remedy));
  return true;
};

const formatErrorOf = (dicomCase: DicomCase) => (error: unknown) => {
  assert.ok(error instanceof VolumeFormatError, String(error));
  assert.equal(error.format, "DICOM");
  assert.deepEqual([error.file], dicomCase.about_files);
  assert.match(error.message, new RegExp(dicomCase.format_error as string));
  return true;
};
