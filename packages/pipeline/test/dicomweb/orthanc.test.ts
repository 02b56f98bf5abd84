/** A real Orthanc: what is stored is found and comes back byte for byte, and a study there is predicted as its files are. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DicomWebClient } from "../../src/dicomweb/client.js";
import { downloadStudy } from "../../src/dicomweb/download.js";
import { DicomWebError } from "../../src/dicomweb/errors.js";
import { Predictor } from "../../src/scan/scan-predictor.js";
import { predict } from "../../src/tasks/predict.js";
import { train } from "../../src/tasks/train.js";
import { scratch, smallConfig, smallDataset } from "../train/support.js";
import { writeCt, type CtSeries } from "./ct-files.js";
import { Orthanc, skipOrthanc } from "../orthanc.js";

const skip = skipOrthanc;
const folder = scratch();
const study = "1.2.826.0.1.1";
const chest: CtSeries = { study, series: `${study}.1`, slices: 12, size: 48 };
const report: CtSeries = {
  study,
  series: `${study}.2`,
  slices: 1,
  size: 8,
  modality: "SR",
  description: "report",
};
let orthanc: Orthanc;
let files: string[] = [];

before(async () => {
  if (skip !== false) return;
  files = writeCt(join(folder, "chest"), chest);
  mkdirSync(join(folder, "orthanc"));
  orthanc = await Orthanc.start(join(folder, "orthanc"));
});
after(async () => {
  if (skip === false) await orthanc[Symbol.asyncDispose]();
});

const client = () => new DicomWebClient(orthanc.root, { login: orthanc.login, env: {} });
const hashes = (paths: readonly string[]) =>
  paths.map((path) => createHash("sha256").update(readFileSync(path)).digest("hex")).sort();
const leftOvers = () => readdirSync(tmpdir()).filter((name) => name.startsWith("slicestack-dicomweb-"));

test("STOW-RS stores, QIDO-RS finds, WADO-RS gives the same bytes back", { skip }, async () => {
  const { stored, failed } = await client().store([...files, ...writeCt(join(folder, "report"), report)]);
  assert.equal(stored.length, 13);
  assert.deepEqual(failed, []);
  const [found] = await client().studies({ PatientID: "P1" });
  assert.equal(found!.study, study);
  assert.equal(found!.patient, "P1");
  const series = await client().series(study);
  assert.deepEqual(
    series
      .map(({ series, modality, description, instances }) => [series, modality, description, instances])
      .sort(),
    [
      [chest.series, "CT", "chest", 12],
      [report.series, "SR", "report", 1],
    ],
  );
  using whole = await downloadStudy(`${orthanc.rootWithLogin}/studies/${study}`, { env: {} });
  assert.deepEqual(hashes(readdirSync(whole.folder).map((name) => join(whole.folder, name))), hashes(files));
  assert.equal(whole.setAside.length, 1);
});

test(
  "a wrong password, a study that is not there, and a file that is no DICOM are refused with their faults",
  { skip },
  async () => {
    const fault = async (attempt: Promise<unknown>) => {
      const error: unknown = await attempt.then(
        () => null,
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof DicomWebError, String(error));
      return [error.fault, error.status];
    };
    const stranger = new DicomWebClient(orthanc.root, {
      login: { user: "tester", password: "guessed" },
      env: {},
    });
    assert.deepEqual(await fault(stranger.series(study)), ["unauthorised", 401]);
    assert.deepEqual(await fault(new DicomWebClient(orthanc.root, { env: {} }).studies()), [
      "unauthorised",
      401,
    ]);
    const nowhere = downloadStudy(`${orthanc.rootWithLogin}/studies/9.9.9`, { env: {} });
    assert.equal((await fault(nowhere))[0], "not-found");
    const [kind] = await fault(client().store([join(import.meta.dirname, "orthanc.test.js")]));
    assert.equal(kind, "refused");
  },
);

test(
  "predict: a study and a series by their addresses give the numbers of their files; one that fails stops no other",
  { skip },
  async () => {
    const data = await smallDataset(folder);
    const run = join(folder, "run");
    await train({
      config: smallConfig({ method: "2d", "slice.epochs": "1", precision: "float32" }),
      data,
      out: run,
    });
    const before = leftOvers();
    await using model = await Predictor.open(run);
    const [fromFiles] = await model.predict(join(folder, "chest"), { jobs: 1 });
    const address = `${orthanc.rootWithLogin}/studies/${study}`;
    const results = await model.predict([address, `${address}/series/${chest.series}`], { jobs: 1 });
    assert.deepEqual(
      results.map(({ id, source, probabilities }) => ({ id, source, probabilities })),
      [0, 1].map(() => ({
        id: chest.series,
        source: `${orthanc.root}/studies/${study}/series/${chest.series}`,
        probabilities: fromFiles!.probabilities,
      })),
    );
    const summary = await predict({
      model: run,
      inputs: [`${orthanc.rootWithLogin}/studies/9.9.9`, join(folder, "chest"), address],
      out: join(folder, "predicted"),
      jobs: 1,
    });
    assert.equal(summary.results.length, 2);
    assert.match(summary.failed[0]!.reason, /^the server (answered 404|has no such study)/);
    assert.equal(summary.failed[0]!.source.replace(/\/series.*/, ""), `${orthanc.root}/studies/9.9.9`);
    assert.ok(summary.setAside.some(({ reason }) => reason.includes("modality SR")));
    const written = readFileSync(join(folder, "predicted/predictions.csv"), "utf8");
    assert.ok(!written.includes("secret") && !written.includes("tester"), "no credentials in the table");
    assert.deepEqual(leftOvers(), before, "the files of the studies are gone");
  },
);
