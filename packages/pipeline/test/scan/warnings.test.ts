/** Warnings about scans that are unlike those of training, and their silence about those that are like them. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { readNifti, writeNifti } from "@slicestack/volume/node";
import { openDataset } from "../../src/data/store.js";
import { histogramDistance, valueHistogram } from "@slicestack/volume";
import { readDecision, type Decision } from "../../src/models/decision.js";
import { runPaths } from "../../src/run/folder.js";
import { Predictor } from "../../src/scan/scan-predictor.js";
import { warningsOf } from "../../src/scan/warnings.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { train } from "../../src/tasks/train.js";
import { scratch, smallConfig, smallDataset } from "../train/support.js";

const folder = scratch();
let data = "";
let run = "";
let decision: Decision;

before(async () => {
  // Validation needs 19 volumes for an alarm in twenty.
  data = await smallDataset(folder, 120);
  run = join(folder, "run");
  await train({ config: smallConfig({ "slice.epochs": "1", "head.epochs": "1" }), data, out: run });
  await evaluate({ run, resamples: 50, images: false });
  decision = readDecision(runPaths(run).decision)!;
});

test("an evaluation keeps what training volumes are like, with limits from validation", () => {
  const { geometry, values, embedding, facts } = decision.familiarity!;
  const shapes = openDataset(data).volumes.map(({ original }) => original.shape[2]);
  assert.ok(geometry.slices[0] >= Math.min(...shapes) && geometry.slices[1] <= Math.max(...shapes));
  assert.ok(Math.abs(values.shares.reduce((a, b) => a + b, 0) - 1) < 1e-9);
  assert.ok(values.limit !== null && values.limit > 0);
  assert.ok(embedding!.limit !== null);
  assert.ok(embedding!.testAlarms!.of >= 10);
  assert.deepEqual(facts, {}); // NIfTI says nothing of scanners
});

test("scans of the same kind raise few alarms: about the rate that was promised", async () => {
  await using model = await Predictor.open(run);
  const results = await model.predict(join(folder, "scans"));
  const share = (code: string) =>
    results.filter(({ warnings }) => warnings.some((warning) => warning.code === code)).length /
    results.length;
  // 5 % each is the expectation for unseen scans; of 120 that is 6, and 14 would be four standard deviations above.
  for (const code of ["embedding", "values"]) assert.ok(share(code) < 0.12, `${code}: ${share(code)}`);
  for (const code of ["spacing", "extent", "slices", "tilt"])
    assert.ok(share(code) < 0.05, `${code}: ${share(code)}`);
});

test("another field of view, other values and noise are warned of, and the numbers stay what the model says", async () => {
  const { id } = openDataset(data).volumes[0]!;
  const scan = await readNifti(join(folder, "scans", `${id}.nii.gz`));
  const write = async (name: string, change: Partial<typeof scan>) => {
    const file = join(folder, name);
    if (!existsSync(file)) await writeNifti(file, { ...scan, ...change });
    return file;
  };
  const [x, y, z] = scan.spacing;
  const wide = await write("wide.nii.gz", { spacing: [3 * x, 3 * y, z] });
  let state = 1;
  const noise = () => ((state = (state * 48271) % 2147483647) / 2147483647) * 2000 - 1000;
  const noisy = await write("noisy.nii.gz", { data: Int16Array.from(scan.data, noise) });
  await using model = await Predictor.open(run);
  const codes = async (file: string) => {
    const [result] = await model.predict(file);
    return new Set(result!.warnings.map(({ code }) => code));
  };
  const ofWide = await codes(wide);
  assert.ok(ofWide.has("spacing") && ofWide.has("extent"));
  const ofNoise = await codes(noisy);
  assert.ok(ofNoise.has("values") && ofNoise.has("embedding"), [...ofNoise].join());
  assert.ok(!ofNoise.has("spacing"));
});

test("headers that name another body part, kernel or modality are warned of; none, or the same in other letters, are not", () => {
  const familiarity = {
    ...decision.familiarity!,
    facts: { body_part: ["CHEST"], modality: ["CT"], kernel: ["B30f", "B70f"] },
  };
  const { original } = openDataset(data).volumes[0]!;
  const prepared = { slices_SHW: new Int16Array(8), original, facts: {} };
  const of = (facts: Record<string, string>) =>
    warningsOf(
      { prepared, facts, embedding: null },
      { familiarity: { ...familiarity, values: { ...familiarity.values, limit: null } } },
    ).filter(({ code }) => code in familiarity.facts);
  assert.deepEqual(of({ body_part: "chest", modality: "CT", kernel: "" }), []);
  assert.deepEqual(of({ body_part: "HEAD", kernel: "FC12" }), [
    { code: "body_part", message: "The body part is HEAD; training volumes have CHEST" },
    { code: "kernel", message: "The reconstruction kernel is FC12; training volumes have B30f, B70f" },
  ]);
  const mended = warningsOf(
    {
      prepared: { ...prepared, facts: { gaps_filled: "3", lossy: "yes", value_flags: "constant beyond-ct" } },
      facts: {},
      embedding: null,
    },
    null,
  );
  assert.deepEqual(
    mended.map(({ message }) => message),
    [
      "3 missing slices were interpolated",
      "the images were compressed lossily",
      "the values are unlikely to be HU: all voxels have one value, so that the scan shows nothing",
      "the values are unlikely to be HU: more than 1 % of the voxels are above 4000, which no tissue reaches",
    ],
  );
});

test("the distance of histograms is how far values must move, as a share of the range", () => {
  const at = (value: number) => valueHistogram(new Int16Array(100).fill(value), [-1000, 1000]);
  assert.equal(histogramDistance(at(0), at(0)), 0);
  assert.ok(Math.abs(histogramDistance(at(-500), at(500)) - 0.5) < 1 / 64);
  assert.equal(valueHistogram(Int16Array.from([-3000, 3000]), [-1000, 1000])[0], 0.5);
});
