/** From the files of a scan to a result: the voxels and the probabilities are those of training and evaluation. */
import assert from "node:assert/strict";
import {
  mkdirSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { readNifti } from "@slicestack/volume/node";
import { readTable } from "../../src/data/csv.js";
import { FolderError } from "../../src/data/owned-folder.js";
import { openDataset } from "../../src/data/store.js";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { readDecision } from "../../src/models/decision.js";
import { RunError, runPaths } from "../../src/run/folder.js";
import { SCAN_JOB, startScanSession } from "../../src/scan/scan-session.js";
import { Predictor } from "../../src/scan/scan-predictor.js";
import { scanResultSchema, type ScanResult } from "../../src/scan/scan-result.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { predict } from "../../src/tasks/predict.js";
import { trainGroup } from "../../src/study/train-group.js";
import { train } from "../../src/tasks/train.js";
import { oneEpoch, scratch, smallConfig, smallDataset } from "../train/support.js";

const folder = scratch();
let data = "";

before(async () => {
  data = await smallDataset(folder, 24);
});

const kinds: Record<string, Record<string, string>> = {
  "2d, mean of three planes": { method: "2d", "transform.planes": "three", "transform.neighbours": "3" },
  "2d, count": { method: "2d", "slice.vote": "count" },
  "2.5d": { "head.model": "attention" },
  "2.5d, fine-tuned on sampled slices": { "head.slices": "5", "head.model": "gru", "fine_tune.epochs": "1" },
  "2.5d on maps": { "head.model": "maps_3d" },
  "3d": { method: "3d", "network.model": "attn", "network.size": "[32, 32, 32]" },
};
const DEFAULT = "2.5d";

async function trained(kind: string): Promise<string> {
  const run = join(folder, "runs", kind);
  if (!existsSync(run)) {
    const keys = kinds[kind]!;
    const config = smallConfig({ ...oneEpoch(keys["method"]), precision: "float32", ...keys });
    await train({ config, data, out: run });
    await evaluate({ run, resamples: 50, images: false });
  }
  return run;
}

/** The source file of a volume of the data set. */
const fileOf = (id: string) => join(folder, "scans", `${id}.nii.gz`);

/** What evaluation wrote of the main model on the test set, by id. */
function evaluated(run: string): Map<string, number[]> {
  const main = readPredictions(runPaths(run).predictions).filter(
    ({ model, part }) => part === "test" && ["2.5d", "3d", "2d_vote"].includes(model),
  );
  const last = main.at(-1)!;
  return new Map(last.ids.map((id, k) => [id, last.probabilities[k]!]));
}

for (const kind of Object.keys(kinds))
  test(`${kind}: test scans from their files have the probabilities of predictions.csv, without the data set`, async () => {
    const run = await trained(kind);
    const expected = evaluated(run);
    const ids = [...expected.keys()];
    const gone = `${data}-gone`;
    renameSync(data, gone);
    let results: ScanResult[];
    try {
      await using model = await Predictor.open(run);
      assert.equal(model.isCalibrated, true);
      results = await model.predict(ids.map(fileOf), { jobs: 1 });
    } finally {
      renameSync(gone, data);
    }
    assert.deepEqual(
      results.map(({ id }) => id),
      ids,
    );
    for (const { id, uncalibrated } of results)
      Object.values(uncalibrated).forEach((value, c) => {
        const was = expected.get(id)![c]!;
        assert.ok(Math.abs(value - was) < 1e-6, `${id}: ${value}, in predictions.csv ${was}`);
      });
    for (const result of results) scanResultSchema.parse(JSON.parse(JSON.stringify(result)));
  });

test("a result holds calibrated probabilities, a decision at the frozen threshold, a set, and slices with their weights", async () => {
  const run = await trained(DEFAULT);
  const decision = readDecision(runPaths(run).decision)!;
  await using model = await Predictor.open(run);
  const [id] = evaluated(run).keys();
  const [result] = await model.predict(fileOf(id!));
  const sum = (values: Record<string, number>) => Object.values(values).reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum(result!.probabilities) - 1) < 1e-9);
  assert.ok(Math.abs(sum(result!.uncalibrated) - 1) < 1e-6);
  assert.equal(result!.calibrated, true);
  assert.notDeepEqual(result!.probabilities, result!.uncalibrated);
  assert.equal(result!.decision.rule, model.classes.length === 2 ? "youden" : "largest probability");
  assert.equal(result!.set!.miss, decision.sets!.miss);
  assert.deepEqual(
    result!.slices.map(({ slice }) => slice),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  assert.ok(result!.slices.every(({ weight }) => weight !== null && weight >= 0));
  assert.equal(result!.model.sha256, decision.model);
  assert.deepEqual(model.hashes, [decision.model]);
});

test("what evaluation fitted for other weights is not applied", async () => {
  const run = await trained(DEFAULT);
  const file = runPaths(run).decision;
  const whole = readFileSync(file, "utf8");
  const [id] = evaluated(run).keys();
  try {
    rmSync(file);
    {
      await using model = await Predictor.open(run);
      const [result] = await model.predict(fileOf(id!));
      assert.equal(result!.calibrated, false);
      assert.deepEqual(result!.probabilities, result!.uncalibrated);
      assert.equal(result!.set, null);
    }
    writeFileSync(file, whole.replace(/"temperature": [\d.]+/, '"temperature": 3'));
    await assert.rejects(
      Predictor.open(run),
      (error) => error instanceof RunError && error.message.startsWith(file),
    );
  } finally {
    writeFileSync(file, whole);
  }
});

test("a count vote without its threshold, an untrained stage and a folder that is no run are refused by name", async () => {
  const run = await trained("2d, count");
  const { decision, best } = runPaths(run);
  renameSync(decision, `${decision}.away`);
  await assert.rejects(
    Predictor.open(run),
    /no evaluation has chosen the threshold of these weights.*slicestack evaluate/,
  );
  renameSync(`${decision}.away`, decision);
  renameSync(best("slice"), `${best("slice")}.away`);
  await assert.rejects(Predictor.open(run), /slice stage is not trained.*--resume/);
  renameSync(`${best("slice")}.away`, best("slice"));
  await assert.rejects(Predictor.open(join(folder, "scans")), RunError);
});

test("a folder that is refused before anything is computed closes the session that was given", async () => {
  const session = startScanSession();
  const out = join(folder, "scans");
  const asked = predict({ model: join(folder, "none"), inputs: [], out, session });
  await assert.rejects(asked, (error) => error instanceof FolderError);
  await assert.rejects(session.run(SCAN_JOB, { step: "close", key: "none" }), { name: "SessionError" });
});

test("a folder of results: a JSON and the maps of each scan, a row each, failures with their reason, no scan stops the others", async () => {
  const run = await trained(DEFAULT);
  const [a, b] = [...evaluated(run).keys()];
  const inputs = join(folder, "inbox ü");
  mkdirSync(join(inputs, "again"), { recursive: true });
  copyFileSync(fileOf(a!), join(inputs, "one.nii.gz"));
  copyFileSync(fileOf(b!), join(inputs, "again", "one.nii.gz"));
  writeFileSync(join(inputs, "cut.nii.gz"), readFileSync(fileOf(a!)).subarray(0, 5000));
  writeFileSync(join(inputs, "text.nii"), "no scan at all");
  symlinkSync(join(inputs, "nowhere"), join(inputs, "dead.nii.gz"));
  const out = join(folder, "predictions");
  const summary = await predict({
    model: run,
    inputs: [inputs, join(folder, "missing")],
    out,
    maps: ["gradcam"],
    jobs: 2,
  });
  assert.equal(summary.results.length, 2);
  const expected = evaluated(run);
  const close = (result: ScanResult, id: string) =>
    Object.values(result.uncalibrated).every((value, c) => Math.abs(value - expected.get(id)![c]!) < 1e-6);
  assert.ok(
    close(
      summary.results.find(({ source }) => source.endsWith("inbox ü/one.nii.gz"))!,
      a!,
    ),
  );
  assert.ok(
    close(
      summary.results.find(({ source }) => source.endsWith("again/one.nii.gz"))!,
      b!,
    ),
  );
  const reasons = new Map(
    summary.failed.map(({ source, reason }) => [source.slice(folder.length + 1), reason]),
  );
  assert.deepEqual([...reasons.keys()].sort(), [
    "inbox ü/cut.nii.gz",
    "inbox ü/dead.nii.gz",
    "inbox ü/text.nii",
    "missing",
  ]);
  assert.match(reasons.get("missing")!, /ENOENT/);
  const rows = readTable(join(out, "predictions.csv"), { guarded: true }).rows.map(({ values }) => values);
  assert.equal(rows.length, 6);
  assert.equal(rows.filter(({ error }) => error !== "").length, 4);
  for (const result of summary.results) {
    const name = result.id.replaceAll("/", "__");
    const written = scanResultSchema.parse(JSON.parse(readFileSync(join(out, `${name}.json`), "utf8")));
    assert.deepEqual(written, result);
    const [map] = written.maps;
    const volume = await readNifti(join(out, map!));
    assert.deepEqual([...volume.shape], written.scan.shape); // in the space of the source
  }
  await assert.rejects(
    predict({ model: run, inputs: [inputs], out: inputs }),
    /expected a new or empty folder/,
  );
});

test("a group predicts with all its members: the mean of their probabilities", async () => {
  const group = join(folder, "group");
  const config = smallConfig({ ...oneEpoch(), precision: "float32", "slice.model": "slice_cnn" });
  await trainGroup({ config, data, out: group, seeds: 2 });
  const [id] = openDataset(data).volumes.map((volume) => volume.id);
  const of = async (path: string) => {
    await using model = await Predictor.open(path);
    return (await model.predict(fileOf(id!)))[0]!;
  };
  const [both, first, second] = [
    await of(group),
    await of(join(group, "seed0")),
    await of(join(group, "seed1")),
  ];
  assert.equal(both.model.members, 2);
  for (const name of Object.keys(both.uncalibrated))
    assert.ok(
      Math.abs(both.uncalibrated[name]! - (first.uncalibrated[name]! + second.uncalibrated[name]!) / 2) <
        1e-9,
    );
});

test("predict throws what could not be predicted, with what could; with onFailure it does not", async () => {
  const run = await trained(DEFAULT);
  const [a] = evaluated(run).keys();
  await using model = await Predictor.open(run);
  const inputs = [fileOf(a!), join(folder, "missing.nii.gz")];
  await assert.rejects(model.predict(inputs), (error: Error & { results?: ScanResult[] }) => {
    assert.match(error.message, /missing\.nii\.gz cannot be predicted.*ENOENT/);
    return error.results?.length === 1;
  });
  const failed: string[] = [];
  const results = await model.predict(inputs, { onFailure: ({ source }) => failed.push(source) });
  assert.equal(results.length, 1);
  assert.deepEqual(failed, [inputs[1]]);
  const pattern = await model.predict(join(folder, "scans", "*.nii.gz"));
  assert.equal(pattern.length, openDataset(data).volumes.length);
});

test("an operating point that the model does not have, and a scan of another kind, are refused by name", async () => {
  const run = await trained(DEFAULT);
  const [a] = evaluated(run).keys();
  await using model = await Predictor.open(run);
  if (model.classes.length !== 2)
    await assert.rejects(
      model.predict(fileOf(a!), { operatingPoint: "sensitivity" }),
      /--operating-point sensitivity: the model has \d classes, and thresholds are for two/,
    );
  const array = join(folder, "array.npy");
  writeFileSync(array, npyBytes(new Int16Array(32 * 32 * 8), [32, 32, 8]));
  await assert.rejects(model.predict(array), /which have no geometry; the model was trained on scans/);
});

test("ids that would share a file name, are too long for one, or are reserved on some system, get names of their own", async () => {
  const run = await trained(DEFAULT);
  const [a] = evaluated(run).keys();
  const inputs = ["con", "A", "a", "x".repeat(200)].map((name, k) => {
    const inner = join(folder, `odd ${k}`);
    mkdirSync(inner);
    const file = join(inner, `${name}.nii.gz`);
    copyFileSync(fileOf(a!), file);
    return file;
  });
  const out = join(folder, "odd names");
  const { results } = await predict({ model: run, inputs, out });
  assert.equal(results.length, 4);
  const names = readdirSync(out).filter((name) => name.endsWith(".json"));
  assert.equal(new Set(names.map((name) => name.toLowerCase())).size, 4);
  assert.ok(!names.includes("con.json") && names.every((name) => name.length < 200));
});

/** The format of numpy, version 1. */
function npyBytes(data: Int16Array, shape: readonly number[]): Buffer {
  const header = `{'descr': '<i2', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const padded = `${header.padEnd(117)}\n`;
  const start = Buffer.from([
    0x93,
    0x4e,
    0x55,
    0x4d,
    0x50,
    0x59,
    1,
    0,
    padded.length & 255,
    padded.length >> 8,
  ]);
  return Buffer.concat([start, Buffer.from(padded), Buffer.from(data.buffer)]);
}
