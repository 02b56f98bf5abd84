/** What an exported graph says of itself, which slices its weights belong to, and which scans a choice of files holds. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bytesSource } from "../src/index.js";
import { findScans, graphFacts, OnnxModelError, onnxMetadata, OnnxPredictor } from "../src/onnx.js";
import type { OnnxRuntime } from "../src/onnx.js";
import { sliceWeights } from "../src/onnx/slice-weights.js";
import { bytesOf, caseOf } from "./dicom/cases.js";
import { fixture } from "./fixtures.js";
import { zipOf } from "./zip-writer.js";

/** A protobuf field that holds bytes; lengths above 127 take two bytes. */
function field(number: number, content: Uint8Array): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : [(length & 127) | 128, length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...size]), content]);
}

const entry = (key: string, value: string) =>
  field(14, Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))]));

/** A model with its IR version, a graph that is skipped, and metadata. */
const model = (metadata: Record<string, string>): Uint8Array =>
  Buffer.concat([
    Buffer.from([8, 8]),
    field(7, Buffer.alloc(300)),
    ...Object.entries(metadata).map(([key, value]) => entry(key, value)),
  ]);

const input = {
  height: 32,
  width: 32,
  dtype: "int16",
  unit: "HU",
  range: [-1000, 400],
  depths: [8, 8],
  recipe: { orientation: "LPS", size: [32, 32], depth: 8, crop: "none", gaps: "refused" },
};
const metadata = {
  "slicestack.part": "whole",
  "slicestack.name": "lünge",
  "slicestack.method": "2.5d",
  "slicestack.classes": '["a","b"]',
  "slicestack.input": JSON.stringify(input),
  "slicestack.seen": '{"planes":1,"sampled":null}',
  "slicestack.thresholds": '[{"rule":{"kind":"youden"},"threshold":0.4}]',
  "slicestack.sets": "null",
};

test("the metadata of a graph are read from its bytes, and typed", () => {
  const found = onnxMetadata(model(metadata));
  assert.deepEqual(Object.fromEntries(found), metadata);
  const { name, classes, thresholds, sets, seen, input: read } = graphFacts(found);
  assert.deepEqual([name, classes, sets, seen], ["lünge", ["a", "b"], null, { planes: 1, sampled: null }]);
  assert.equal(thresholds[0]?.threshold, 0.4);
  assert.deepEqual(read.recipe, input.recipe);
});

test("a file that ends early, another program's graph, a part of a model and other metadata are refused", () => {
  const whole = model(metadata);
  for (const bytes of [whole.subarray(0, -3), Buffer.from("no graph"), Buffer.from([0xff, 0xff, 0xff])])
    assert.throws(() => onnxMetadata(bytes), OnnxModelError);
  const refused = (changes: Record<string, string | undefined>) => {
    const changed = Object.entries({ ...metadata, ...changes }).filter(
      (pair): pair is [string, string] => !!pair[1],
    );
    return () => graphFacts(new Map(changed));
  };
  assert.throws(refused({ "slicestack.part": undefined }), /no metadata of Slicestack/);
  assert.throws(refused({ "slicestack.part": "trunk" }), /the trunk of a model/);
  for (const [key, value] of [
    ["input", "{}"],
    ["input", JSON.stringify({ ...input, recipe: { ...input.recipe, size: [0, 32] } })],
    ["classes", '["one"]'],
    ["classes", "{"],
    ["seen", '{"planes":2,"sampled":null}'],
    ["thresholds", '[{"threshold":"0.4"}]'],
    ["sets", '{"miss":0.1}'],
    ["method", "4d"],
  ] as const)
    assert.throws(
      refused({ [`slicestack.${key}`]: value }),
      new RegExp(`slicestack\\.${key} is not as this version`),
    );
});

test("weights belong to axial slices: all, evenly sampled, or the first of three planes; in 2D the decided class", () => {
  const none = { weights: null, probabilities: null, uncalibrated: [0.3, 0.7] };
  const places = (depth: number, planes: 1 | 3, sampled: number | null) =>
    sliceWeights(none, depth, { planes, sampled }).map(({ slice }) => slice);
  assert.deepEqual(places(4, 1, null), [0, 1, 2, 3]);
  assert.deepEqual(places(8, 1, 3), [1, 4, 6]);
  assert.deepEqual(places(2, 3, null), [0, 1, null, null, null, null]);
  const votes = { ...none, probabilities: [0.1, 0.9, 0.6, 0.4] };
  assert.deepEqual(sliceWeights(votes, 2, { planes: 1, sampled: null }), [
    { slice: 0, weight: 0.9 },
    { slice: 1, weight: 0.4 },
  ]);
});

test("scans among files: series, volumes, both of them in a zip; the rest is set aside with a reason", async () => {
  const series = caseOf("implicit").files.map(([name, place]) => ({
    name,
    data: Buffer.from(bytesOf(place)),
  }));
  const nifti = readFileSync(fixture("int16.nii.gz"));
  const zip = zipOf([
    ...series,
    { name: "more/int16.nii.gz", data: nifti },
    { name: "notes", data: Buffer.from("a") },
  ]);
  const loose = [zip, nifti, Buffer.from([0x89, 0x50, 0x4e, 0x47]), zip.subarray(0, -30)];
  const names = ["all.zip", "head.nii.gz", "one.png", "cut.zip"];
  const { scans, setAside } = await findScans(loose.map((bytes, k) => bytesSource(bytes, names[k])));
  const seen = scans.map(({ source, slices }) => [source.replace(/#(?!more).*/, ""), slices]);
  assert.deepEqual(seen.slice(0, 2), [
    ["all.zip#more/int16.nii.gz", null],
    ["head.nii.gz", null],
  ]);
  assert.deepEqual(seen[2], ["all.zip", series.length]);
  assert.ok(scans[2]?.source.endsWith(` and ${series.length - 1} more`), scans[2]?.source);
  assert.equal(scans[2]?.isScan, true);
  const reasons = new Map(setAside.map(({ name, reason }) => [name, reason]));
  assert.deepEqual([...reasons.keys()].sort(), ["all.zip#notes", "cut.zip", "one.png"]);
  assert.match(reasons.get("one.png")!, /picture/);
  const { volume, isScan } = await scans[1]!.read({ unit: "HU", allowGaps: false });
  assert.deepEqual([volume.unit, isScan], ["HU", true]);
});

/** Gives fixed probabilities, and fails at one call as a runtime does that has no memory left. */
const runtimeFailingAt = (call: number, released: () => void): OnnxRuntime => {
  let calls = 0;
  const data = Float32Array.of(0.25, 0.75);
  const session = {
    outputNames: ["probabilities"],
    run: () =>
      ++calls === call
        ? Promise.reject(new RangeError("Out of memory"))
        : Promise.resolve({ probabilities: { data, dims: [1, 2] } }),
    release: () => Promise.resolve(released()),
  };
  const Tensor = class {
    constructor(
      readonly type: string,
      readonly data: unknown,
      readonly dims: readonly number[],
    ) {}
  };
  return { InferenceSession: { create: () => Promise.resolve(session) }, Tensor };
};

const familiar = {
  falseAlarmRate: 0.05,
  geometry: {
    spacing: [
      [90, 100],
      [90, 100],
      [90, 100],
    ],
    extent: [
      [1, 1e6],
      [1, 1e6],
      [1, 1e6],
    ],
    slices: [1, 1000],
    tilt: [0, 90],
  },
  values: { range: [-1000, 400], shares: new Array<number>(64).fill(1 / 64), limit: null },
  facts: { body_part: ["CHEST"] },
};

test("scans are predicted one by one: where the runtime fails on one, the others have results; unlike scans have warnings", async () => {
  const bytes = model({ ...metadata, "slicestack.familiar": JSON.stringify(familiar) });
  let isReleased = false;
  const failed: { source: string; reason: string }[] = [];
  const events: string[] = [];
  {
    await using predictor = await OnnxPredictor.open(
      runtimeFailingAt(2, () => (isReleased = true)),
      bytes,
    );
    const nifti = readFileSync(fixture("int16.nii.gz"));
    const files = ["a.nii.gz", "b.nii.gz", "c.nii.gz"].map((name) => bytesSource(nifti, name));
    const options = {
      onFailure: (one: { source: string; reason: string }) => failed.push(one),
      onStage: (stage: string, { source }: { source: string }) =>
        stage === "read" && events.push(`read ${source}`),
    };
    for await (const { source, prepared, probabilities, warnings } of predictor.predictEach(files, options)) {
      events.push(`result ${source}`);
      assert.deepEqual(prepared.shape, [8, 32, 32]);
      assert.deepEqual(probabilities, { a: 0.25, b: 0.75 });
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ["spacing", "spacing", "spacing"],
      );
    }
    const [first] = await predictor.predict(files.slice(0, 1));
    assert.ok(!("prepared" in first!), "results in a list hold no voxels");
  }
  assert.deepEqual(events, [
    "read a.nii.gz",
    "result a.nii.gz",
    "read b.nii.gz",
    "read c.nii.gz",
    "result c.nii.gz",
  ]);
  assert.equal(failed[0]?.source, "b.nii.gz");
  assert.match(failed[0]?.reason ?? "", /the runtime failed on its 8 x 32 x 32 voxels \(Out of memory\)/);
  assert.equal(isReleased, true);
});

test("what a graph says of familiar scans is checked", () => {
  const facts = (value: unknown) =>
    graphFacts(new Map(Object.entries({ ...metadata, "slicestack.familiar": JSON.stringify(value) })));
  assert.deepEqual(facts(familiar).familiar, familiar);
  for (const value of [
    {},
    { ...familiar, facts: { body_part: "CHEST" } },
    { ...familiar, values: { range: [0] } },
  ])
    assert.throws(() => facts(value), /slicestack\.familiar is not as this version expects it/);
});
