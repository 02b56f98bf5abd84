/** A bundle predicts as its run does, holds nothing of the data, and is opened only as it was written. */
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { openZipFile } from "@slicestack/volume/node";
import { usePlugins } from "../../src/config/plugins.js";
import { loadConfig } from "../../src/config/load.js";
import { readTable, writeTable } from "../../src/data/csv.js";
import { generatePhantoms } from "../../src/data/phantom.js";
import { prepare } from "../../src/tasks/prepare.js";
import { openDataset } from "../../src/data/store.js";
import { exportBundle, pluginMembers } from "../../src/export/bundle.js";
import { runPaths } from "../../src/run/folder.js";
import { Predictor } from "../../src/scan/scan-predictor.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { trainGroup } from "../../src/study/train-group.js";
import { train } from "../../src/tasks/train.js";
import { BundleError } from "../../src/trained/bundle-error.js";
import { MANIFEST, type Manifest } from "../../src/trained/bundle-manifest.js";
import type { ModelSpec } from "../../src/models/spec.js";
import { openSealed, sealedJson, sha256Of } from "../../src/data/sealed-json.js";
import { findTrained } from "../../src/trained/find-trained.js";
import { openBundle } from "../../src/trained/open-bundle.js";
import { writeStoredZip, type Member } from "../../src/trained/stored-zip.js";
import { configToYaml } from "../../src/config/to-yaml.js";
import { predictedElsewhere } from "./predicted-elsewhere.js";
import { scratch, smallConfig } from "../train/support.js";

const folder = scratch();
const data = join(folder, "data");
const run = join(folder, "run");
const bundle = join(folder, "model.slicestack");
const brief = { "slice.epochs": "1", "head.epochs": "1", precision: "float32" };
let scan = "";

before(async () => {
  const scans = join(folder, "scans of qzxward");
  const { labels } = await generatePhantoms({
    destination: scans,
    subjects: 20,
    seed: 3,
    size: 48,
    minimum: 4,
    workers: 1,
  });
  // Ids that occur nowhere by chance.
  const table = readTable(labels);
  const renamed = table.rows.map(({ values }) => {
    const id = `qzxpatient${values["id"]}`;
    renameSync(join(scans, `${values["id"]}.nii.gz`), join(scans, `${id}.nii.gz`));
    return { ...values, id, subject: `qzxsubject${values["subject"]}` };
  });
  writeTable(labels, table.columns, renamed);
  await prepare({
    source: scans,
    destination: data,
    labels,
    size: [32, 32],
    depth: 8,
    workers: 1,
    name: "small",
  });
  scan = join(scans, `${renamed[0]!.id}.nii.gz`);
  await train({ config: smallConfig(brief), data, out: run });
  await evaluate({ run, resamples: 50, images: false });
  await exportBundle({ model: run, out: bundle, licence: "CC BY 4.0" });
});

async function predicted(path: string, options = {}) {
  await using model = await Predictor.open(path, options);
  const [result] = await model.predict(scan, { jobs: 1 });
  const { seconds: _, model: facts, ...rest } = result!;
  return { ...rest, hash: facts.sha256 };
}

test("a bundle gives the result of its run, also where run and data are gone, and from another folder", async () => {
  const expected = await predicted(run);
  const away = (path: string) => `${path}-away`;
  for (const path of [run, data]) renameSync(path, away(path));
  const moved = join(folder, "elsewhere ü");
  mkdirSync(moved);
  renameSync(bundle, join(moved, "m.zip"));
  try {
    assert.deepEqual(await predicted(join(moved, "m.zip")), expected);
  } finally {
    for (const path of [run, data]) renameSync(away(path), path);
    renameSync(join(moved, "m.zip"), bundle);
  }
});

test("the same run gives the same bytes, and so does a bundle of a bundle", async () => {
  const again = join(folder, "again.slicestack");
  await exportBundle({ model: run, out: again, licence: "CC BY 4.0" });
  assert.deepEqual(readFileSync(again), readFileSync(bundle));
  await assert.rejects(exportBundle({ model: run, out: again }), /expected a file that does not exist yet/);
  const second = join(folder, "second.slicestack");
  await exportBundle({ model: bundle, out: second });
  assert.deepEqual(readFileSync(second), readFileSync(bundle));
});

test("nothing of a patient is in it: no id, no subject, no folder", () => {
  const bytes = readFileSync(bundle).toString("latin1");
  assert.ok(bytes.includes("slicestack bundle"));
  for (const word of ["qzx", folder, "/home", process.cwd()]) assert.ok(!bytes.includes(word), word);
  assert.ok(
    openDataset(data).volumes.every(({ id, subject }) => id.includes("qzx") && subject.includes("qzx")),
  );
});

test("its members: contract, decision, weights, metrics with intervals, a card; hashes of all in the manifest", async () => {
  const members = await membersOf(bundle);
  const names = members.map(({ name }) => name).sort();
  assert.deepEqual(names, [
    "0/decision.json",
    "0/model.json",
    "0/slice.safetensors",
    "0/volume.safetensors",
    MANIFEST,
    "metrics.json",
    "model-card.md",
  ]);
  const text = (name: string) =>
    Buffer.from(members.find((one) => one.name === name)!.content as Uint8Array).toString();
  const metrics = JSON.parse(text("metrics.json")) as {
    test: Record<string, { value: number; low: number; high: number }>;
  };
  assert.ok(metrics.test["accuracy"]!.low <= metrics.test["accuracy"]!.value);
  assert.match(text("model-card.md"), /Licence of the weights\*\*: CC BY 4\.0[\s\S]*not a medical device/);
});

test("one changed byte of any member is refused by its name; so are members that are missing, too many, or elsewhere", async () => {
  const members = await membersOf(bundle);
  const file = join(folder, "changed.slicestack");
  const refused = async (changed: Member[], message: RegExp) => {
    writeStoredZip(file, changed);
    dropCache();
    await assert.rejects(openBundle(file), (error) => {
      assert.ok(error instanceof BundleError, String(error));
      assert.ok(error.message.startsWith(file));
      assert.match(error.message, message);
      return true;
    });
  };
  for (const { name } of members.filter((one) => /^0\//.test(one.name))) {
    const flipped = members.map((one) =>
      one.name === name ? { name, content: withFlippedByte(one.content as Uint8Array) } : one,
    );
    await refused(flipped, new RegExp(`${name.replace(".", "\\.")} has SHA-256`));
  }
  const isManifest = ({ name }: Member) => name === MANIFEST;
  await refused(
    members.map((one) =>
      isManifest(one) ? { ...one, content: withFlippedByte(one.content as Uint8Array) } : one,
    ),
    /manifest\.json is (damaged|not of this version)/,
  );
  await refused(
    members.filter(({ name }) => name !== "0/slice.safetensors"),
    /0\/slice\.safetensors is missing/,
  );
  await refused(
    [...members, { name: "0/run.mjs", content: Buffer.from("1") }],
    /contains 0\/run\.mjs, which is not listed in its manifest/,
  );
  await refused(
    [...members, { name: "../../evil", content: Buffer.from("1") }],
    /cannot be read as a bundle/,
  );
  await refused(
    members.filter((one) => !isManifest(one)),
    /is not a bundle/,
  );
  assert.ok(!existsSync(join(folder, "../evil")));
});

test("a file that is cut anywhere is refused, and a damaged copy in the cache is noticed and made again", async () => {
  const whole = readFileSync(bundle);
  const file = join(folder, "cut.slicestack");
  for (const share of [0.001, 0.2, 0.5, 0.9, 0.999]) {
    writeFileSync(file, whole.subarray(0, Math.floor(whole.length * share)));
    dropCache();
    await assert.rejects(openBundle(file), BundleError);
  }
  dropCache();
  const expected = await predicted(bundle);
  const cached = readdirSync(cache()).map((name) => join(cache(), name));
  assert.equal(cached.length, 2);
  writeFileSync(cached[0]!, withFlippedByte(readFileSync(cached[0]!)));
  await assert.rejects(predicted(bundle), /copy in the cache was damaged/);
  assert.deepEqual(await predicted(bundle), expected);
});

test("a group becomes one bundle, whose probabilities are the group's", async () => {
  const group = join(folder, "group");
  await trainGroup({ config: smallConfig(brief), data, out: group, seeds: 2 });
  const out = join(folder, "group.slicestack");
  const { manifest } = await exportBundle({ model: group, out });
  assert.equal(manifest.members.length, 2);
  const [a, b] = [await predicted(group), await predicted(out)];
  assert.deepEqual(b, a);
});

test("several models become one bundle, which predicts their mean: 2.5D and 3D, each with its own input", async () => {
  const whole = join(folder, "whole");
  const network = { "network.model": "attn", "network.size": "[32, 32, 32]", "network.epochs": "1" };
  await train({ config: smallConfig({ method: "3d", precision: "float32", ...network }), data, out: whole });
  const out = join(folder, "several.slicestack");
  const { manifest } = await exportBundle({ model: [run, whole], out });
  assert.deepEqual(
    manifest.members.map(({ stages }) => stages),
    [["slice", "volume"], ["volume"]],
  );
  const [one, other, both] = [await predicted(run), await predicted(whole), await predicted(out)];
  for (const [name, p] of Object.entries(both.uncalibrated))
    assert.ok(Math.abs(p - (one.uncalibrated[name]! + other.uncalibrated[name]!) / 2) < 1e-6, name);
  assert.equal(both.calibrated, false, "the 3D run is not evaluated");
  await assert.rejects(
    exportBundle({ model: [], out: join(folder, "none.slicestack") }),
    /at least one trained model/,
  );
});

test("a bundle claims only what holds for its weights: after another training, neither calibration nor metrics", async () => {
  const other = join(folder, "other");
  cpSync(run, other, { recursive: true });
  const later = join(folder, "later");
  await train({ config: smallConfig({ ...brief, seed: "7" }), data, out: later });
  for (const ending of ["safetensors", "sha256"])
    cpSync(
      join(later, `checkpoints/volume/best.${ending}`),
      join(other, `checkpoints/volume/best.${ending}`),
    );
  const { manifest } = await exportBundle({ model: other, out: join(folder, "other.slicestack") });
  assert.deepEqual(
    Object.keys(manifest.files).filter((name) => /decision|metrics/.test(name)),
    [],
  );
  writeFileSync(join(other, "checkpoints/volume/best.safetensors"), "damaged");
  await assert.rejects(
    exportBundle({ model: other, out: join(folder, "damaged.slicestack") }),
    CheckpointError,
  );
});

test("a plug-in travels in the bundle, runs only where it is allowed, and then decides as in its run", async () => {
  const plugin = join(import.meta.dirname, `last-slice-${process.pid}.mjs`);
  writeFileSync(plugin, LAST_SLICE_HEAD);
  try {
    const text = configToYaml(smallConfig(brief))
      .replace(/^plugins:.*\n/m, "")
      .replace("model: attention", "model: last_slice");
    const config = `${text}plugins: [${plugin}]\n`;
    await usePlugins({ text: config });
    const withPlugin = join(folder, "with-plugin");
    await train({ config: loadConfig({ text: config }), data, out: withPlugin });
    const out = join(folder, "plugin.slicestack");
    const { manifest } = await exportBundle({ model: withPlugin, out });
    assert.deepEqual(
      manifest.plugins.map(({ name }) => name),
      [`last-slice-${process.pid}.mjs`],
    );
    await assert.rejects(
      openBundle(out),
      /contains code that would run with your permissions: last-slice-\d+\.mjs.*--allow-plugins/,
    );
    const expected = await predicted(withPlugin);
    rmSync(plugin);
    // In a process that has never seen the plug-in.
    const found = predictedElsewhere(out, scan);
    assert.deepEqual(found.uncalibrated, expected.uncalibrated);
  } finally {
    rmSync(plugin, { force: true });
  }
});

test("a plug-in that imports a file beside it is refused: the bundle would not hold that file", async () => {
  const plugin = join(import.meta.dirname, `beside-${process.pid}.mjs`);
  const beside = join(import.meta.dirname, "other.mjs");
  writeFileSync(beside, "");
  writeFileSync(plugin, `import "./other.mjs";`);
  const copy = join(folder, "plugin-run");
  try {
    const member = (await findTrained(run)).members[0]!;
    assert.throws(
      () =>
        pluginMembers(
          [{ ...member, spec: { ...member.spec, plugins: [{ file: plugin, sha256: "0".repeat(64) }] } }],
          copy,
        ),
      /imports other\.mjs.*one file/,
    );
  } finally {
    rmSync(plugin, { force: true });
    rmSync(beside, { force: true });
  }
});

/** A head that has no weights for places: it scores the embedding of the last slice. */
const LAST_SLICE_HEAD = `
import { Linear } from "@slicestack/torch/nn";
import { defineHead, Head, z } from "@slicestack/pipeline/plugins";

class LastSliceHead extends Head {
  constructor({ embedding, outputs }) {
    super();
    this.score = new Linear(embedding, outputs);
  }

  forward(embedding_BSE) {
    const last_BE = embedding_BSE.narrow(1, embedding_BSE.size(1) - 1, 1).squeeze(1);
    return { logits_BK: this.score.forward(last_BE), sliceWeight_BS: null };
  }
}

export default defineHead({
  name: "last_slice",
  source: "test",
  architecture: "the last slice, E-K",
  options: z.strictObject({}),
  create: (shape) => new LastSliceHead(shape),
});
`;

const cache = () => join(process.env["XDG_CACHE_HOME"]!, "slicestack", "bundles");
const dropCache = () => rmSync(cache(), { recursive: true, force: true });

function withFlippedByte(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[Math.floor(copy.length / 2)]! ^= 1;
  return copy;
}

async function membersOf(file: string): Promise<Member[]> {
  await using zip = await openZipFile(file);
  const members: Member[] = [];
  for (const entry of zip.entries) members.push({ name: entry.name, content: await entry.read() });
  return members;
}

test("what is no bundle stays what it was: a run's folder, a text", async () => {
  const text = join(folder, "text.slicestack");
  writeFileSync(text, "no zip");
  await assert.rejects(Predictor.open(text), /run\.json/);
  assert.ok(existsSync(runPaths(run).record));
});

test("code that a bundle does not declare, or that no model names, is refused before anything runs", async () => {
  const members = await membersOf(bundle);
  const text = (name: string) =>
    Buffer.from(members.find((one) => one.name === name)!.content as Uint8Array).toString();
  const code = Buffer.from(`process.stderr.write("RUN"); export default [];`);
  const sha256 = sha256Of(code);
  const manifest = openSealed(text(MANIFEST)).value as Manifest;
  const spec = openSealed(text("0/model.json")).value as ModelSpec;
  const file = join(folder, "sneaky.slicestack");
  const write = (declared: boolean, named: boolean) => {
    const plugins = named ? [{ file: `plugins/${sha256}.mjs`, sha256 }] : [];
    const json = Buffer.from(sealedJson({ ...spec, plugins }));
    const facts = (content: Uint8Array) => ({ bytes: content.length, sha256: sha256Of(content) });
    const files = { ...manifest.files, "0/model.json": facts(json), [`plugins/${sha256}.mjs`]: facts(code) };
    const changed = { ...manifest, files, plugins: declared ? [{ name: "p.mjs", sha256 }] : [] };
    writeStoredZip(file, [
      { name: MANIFEST, content: Buffer.from(sealedJson(changed)) },
      ...members
        .filter(({ name }) => name !== MANIFEST)
        .map((one) => (one.name === "0/model.json" ? { ...one, content: json } : one)),
      { name: `plugins/${sha256}.mjs`, content: code },
    ]);
  };
  for (const [declared, named] of [
    [false, true],
    [false, false],
    [true, false],
  ] as const) {
    write(declared, named);
    await assert.rejects(openBundle(file, { allowPlugins: declared }), /name different plug-ins/);
  }
  write(true, true);
  await assert.rejects(openBundle(file), /would run with your permissions/);
  // Allowed to run, but the model is then another one than the manifest says.
  await assert.rejects(
    openBundle(file, { allowPlugins: true }),
    /model 0 is not the one that its manifest names/,
  );
});
