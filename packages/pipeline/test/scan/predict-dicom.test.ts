/** A trained model on DICOM scans, from the files to the objects in their study. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { loadConfig } from "../../src/config/load.js";
import { usePlugins } from "../../src/config/plugins.js";
import { DicomOutputError } from "../../src/dicom-out/errors.js";
import type { WrittenObjects } from "../../src/dicom-out/dicom-folder.js";
import { PredictError } from "../../src/scan/errors.js";
import { Predictor } from "../../src/scan/scan-predictor.js";
import type { ScanResult } from "../../src/scan/scan-result.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { predict } from "../../src/tasks/predict.js";
import { train } from "../../src/tasks/train.js";
import { dsrdump, errorsIn, makeStudy, objectsIn, pydicom, skip } from "../dicom-out/tools.js";
import { zipOf } from "../inspect/zip.js";
import { oneEpoch, scratch, smallConfig, smallDataset } from "../train/support.js";

const folder = scratch();
const run = join(folder, "run");
let study = "";
let data = "";

before(async () => {
  if (skip !== false) return;
  data = await smallDataset(folder, 24);
  await train({ config: smallConfig({ ...oneEpoch(), precision: "float32" }), data, out: run });
  await evaluate({ run, resamples: 50, images: false });
  study = makeStudy(join(folder, "study"), "plain");
});

/** A network that names no layer for Grad-CAM. */
const NO_MAPS = `
import { Linear } from "@slicestack/torch/nn";
import { defineNetwork, VolumeModel } from "@slicestack/pipeline/plugins";
class NoMaps extends VolumeModel {
  constructor({ outputs, size }) {
    super();
    this.size = size;
    this.last = new Linear(8 * 8 * 8, outputs);
  }
  forward(x_B1HWD) {
    return this.last.forward(x_B1HWD.flatten(1));
  }
}
export default defineNetwork({ name: "no_maps", source: "own", architecture: "K", create: (shape) => new NoMaps(shape) });
`;

const bytesOf = ({ folder: objects }: WrittenObjects): string[] =>
  objectsIn(objects).map((file) => readFileSync(file).toString("latin1"));

test(
  "predict with a folder for DICOM objects: valid, of the study, and what the result says",
  { skip },
  async () => {
    const dicom = join(folder, "objects");
    const {
      results,
      dicom: written,
      withoutDicom,
    } = await predict({ model: run, inputs: [study], dicom, jobs: 1 });
    assert.deepEqual([results.length, written.length, withoutDicom.length], [1, 1, 0]);
    const [result] = results as [ScanResult];
    const [one] = written as [WrittenObjects];
    assert.equal("images" in one.heatMap && one.heatMap.images, 12);
    for (const file of objectsIn(one.folder)) assert.deepEqual(errorsIn(file), [], file);
    const text = dsrdump(one.report.file);
    assert.match(text, new RegExp(`Decision"\\)=\\(C-\\w+,99SLICESTACK,"${result.decision.class}"\\)`));
    for (const value of Object.values(result.probabilities))
      assert.ok(text.includes(`"${Number(value.toPrecision(6))}"`), `${value} in\n${text}`);
    assert.ok(text.includes(`sha256:${result.model.sha256}`));
    assert.equal(text.match(/Class in the prediction set/g)?.length, result.set!.classes.length);
    assert.equal(result.warnings.length, text.match(/"Warning"/g)?.length ?? 0);
    assert.doesNotMatch(JSON.stringify(results), /Zoë|4711|A1|19500102/, "the result itself names nobody");
  },
);

test("the same scan from a zip, predicted again, and by the API: the same files", { skip }, async () => {
  const [first] = (await predict({ model: run, inputs: [study], dicom: join(folder, "first"), jobs: 1 }))
    .dicom;
  const archive = join(folder, "export.zip");
  writeFileSync(
    archive,
    zipOf(new Map(readdirSync(study).map((name) => [`DICOM/${name}`, readFileSync(join(study, name))]))),
  );
  const [zipped] = (await predict({ model: run, inputs: [archive], dicom: join(folder, "zipped"), jobs: 1 }))
    .dicom;
  assert.deepEqual(bytesOf(zipped!), bytesOf(first!));
  await using model = await Predictor.open(run);
  const written: WrittenObjects[] = [];
  for (let k = 0; k < 2; k++)
    await model.predict(study, { dicom: join(folder, "api"), onDicom: (one) => written.push(one) });
  for (const one of written) assert.deepEqual(bytesOf(one), bytesOf(first!));
  await model.predict(study, {
    dicom: join(folder, "other rule"),
    operatingPoint: "none",
    onDicom: (one) => written.push(one),
  });
  assert.notEqual(written.at(-1)!.report.sopInstanceUid, first!.report.sopInstanceUid);
});

test(
  "patients, series and other formats at once: each DICOM series in its study, the others are reported",
  { skip },
  async () => {
    const inbox = join(folder, "inbox");
    makeStudy(join(inbox, "dicom"), "patients", 6);
    cpSync(join(folder, "scans", "0001.nii.gz"), join(inbox, "a.nii.gz"));
    const dicom = join(folder, "inbox objects");
    const summary = await predict({ model: run, inputs: [inbox], dicom, jobs: 2 });
    assert.deepEqual([summary.results.length, summary.dicom.length, summary.failed.length], [4, 3, 0]);
    assert.deepEqual(
      summary.withoutDicom.map(({ source }) => source),
      [join(inbox, "a.nii.gz")],
    );
    assert.match(summary.withoutDicom[0]!.reason, /^it is not DICOM, so it belongs to no study/);
    const patients = summary.dicom.map(({ report }) => pydicom(report.file)["PatientID"]);
    assert.deepEqual(patients.sort(), ["4711", "4711", "4712"]);
    // The objects lie among the scans, as in an archive: they are not predicted.
    mkdirSync(join(inbox, "results"));
    for (const { folder: objects } of summary.dicom)
      cpSync(objects, join(inbox, "results"), { recursive: true });
    const again = await predict({ model: run, inputs: [inbox], jobs: 2 });
    assert.equal(again.results.length, 4);
    assert.ok(again.setAside.some(({ code }) => code === "own-result"));
  },
);

test(
  "by the API, a scan without objects is an error at the end, or is given to onDicomFailure",
  { skip },
  async () => {
    await using model = await Predictor.open(run);
    const scan = join(folder, "scans", "0001.nii.gz");
    const dicom = join(folder, "api failures");
    await assert.rejects(
      model.predict([scan, study], { dicom }),
      (error: Error & { results?: ScanResult[] }) => {
        assert.ok(error instanceof PredictError);
        assert.match(
          error.message,
          /^The DICOM objects of .*0001\.nii\.gz were not written: it is not DICOM/,
        );
        return (error as Error & { results?: ScanResult[] }).results?.length === 2;
      },
    );
    const errors: DicomOutputError[] = [];
    const results = await model.predict([scan, study], {
      dicom,
      onDicomFailure: ({ error }) => errors.push(error),
    });
    assert.equal(results.length, 2);
    assert.deepEqual(
      errors.map((error) => [error instanceof DicomOutputError, error.code]),
      [[true, "not-dicom"]],
    );
    assert.deepEqual(readdirSync(dicom).filter((name) => !name.startsWith(".")).length, 1);
  },
);

test(
  "a model without maps, not evaluated: a report alone, without calibration, set and threshold",
  { skip },
  async () => {
    const plugin = join(import.meta.dirname, `no-maps-${process.pid}.mjs`);
    writeFileSync(plugin, NO_MAPS);
    const mapless = join(folder, "mapless");
    const dicomFolder = join(folder, "mapless objects");
    let dicom: WrittenObjects[];
    try {
      const text = `name: mapless\nmethod: 3d\nthreads: 1\nprecision: float32\nplugins: [${plugin}]\nnetwork: {model: no_maps, size: [8, 8, 8], epochs: 1, batch_size: 8}\n`;
      await usePlugins({ text });
      await train({ config: loadConfig({ text }), data, out: mapless });
      ({ dicom } = await predict({ model: mapless, inputs: [study], dicom: dicomFolder, jobs: 1 }));
    } finally {
      rmSync(plugin, { force: true });
    }
    const [one] = dicom as [WrittenObjects];
    assert.match("reason" in one.heatMap ? one.heatMap.reason : "", /has no default layer for Grad-CAM/);
    assert.deepEqual(objectsIn(one.folder), [one.report.file]);
    assert.deepEqual(errorsIn(one.report.file), []);
    const text = dsrdump(one.report.file);
    assert.match(text, /not calibrated/);
    for (const words of ["Calibrated probability", "Threshold", "prediction set", "Weight of the slice"])
      assert.ok(!text.includes(words), words);
  },
);
