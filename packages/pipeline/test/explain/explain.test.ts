/** Whole runs explained: every method, files, checks, what is refused. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { readNifti } from "@slicestack/volume/node";
import type { RunConfig } from "../../src/config/types.js";
import { generatePhantoms } from "../../src/data/phantom.js";
import { prepare } from "../../src/tasks/prepare.js";
import { openDataset } from "../../src/data/store.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { writeSplit } from "../../src/data/split/split.js";
import { ExplainError } from "../../src/explain/errors.js";
import { explain, type ExplainOptions } from "../../src/tasks/explain.js";
import { explainText } from "../../src/explain/explain-text.js";
import { train } from "../../src/tasks/train.js";
import { claimFolder } from "../../src/data/owned-folder.js";
import { RunError } from "../../src/run/folder.js";
import { recordLocation, openRun } from "../../src/run/open-run.js";
import { scratch, smallConfig } from "../train/support.js";

const folder = scratch();
const data = join(folder, "data");
const task = {
  "task.classes_to_include": "[0, 2]",
  "task.class_mapping": "{0: 0, 2: 1}",
  "transform.augment": "false",
  threads: "1",
};

before(async () => {
  const phantoms = await generatePhantoms({
    destination: join(folder, "scans"),
    counts: [5, 0, 5, 0, 0],
    seed: 5,
    size: 40,
    workers: 1,
  });
  await prepare({
    source: join(folder, "scans"),
    destination: data,
    labels: phantoms.labels,
    size: [32, 32],
    depth: 8,
    workers: 1,
  });
  const dataset = openDataset(data);
  writeSplit(dataset, makeSplit(dataset, { seed: 1 }));
});

async function trained(name: string, config: RunConfig): Promise<string> {
  const run = join(folder, name);
  await train({ config, data, out: run });
  return run;
}

// Enough that its maps gain something over chance: the first epoch with the best F1 has hardly learnt.
const learnt = {
  "transform.window": "[-950, -350]",
  "slice.epochs": "12",
  "slice.select": "loss",
  "head.epochs": "30",
  "head.select": "loss",
  "head.learning_rate": "0.01",
};
const few = { count: 2, steps: 3, slices: 4 };
const explained = (run: string, options: Partial<ExplainOptions> = {}) =>
  explain({ run, out: join(run, "explained"), ...few, ...options });

test("2.5D: files of each volume in the space of its scan, explain.json with what each slice counts, checks, warnings", async () => {
  const run = await trained("stacked", smallConfig({ ...task, ...learnt, "fine_tune.epochs": "1" }));
  const seen: number[] = [];
  const result = await explained(run, { onProgress: ({ done, total }) => seen.push(done / total) });
  assert.ok(seen.every((share, k) => share <= 1 && share >= (seen[k - 1] ?? 0)));
  const { subjects, summary } = result;
  assert.deepEqual(
    subjects.map(({ label }) => label),
    [0, 1],
  );
  for (const one of subjects) {
    assert.equal(one.slices.length, 8);
    const total = one.slices.reduce((sum, { weight }) => sum + weight!, 0);
    assert.ok(Math.abs(total - 1) < 1e-4, "attention weights");
    assert.ok(
      one.slices.every(({ leftOut, air, ig, gradcam }) => [leftOut, air, ig, gradcam].every(Number.isFinite)),
    );
    const bySlice = one.slices.reduce((sum, { ig }) => sum + ig!, 0);
    assert.ok(Math.abs(bySlice - one.completeness!.sum) < 1e-3 * Math.max(1, Math.abs(bySlice)));
    for (const kind of ["gradcam", "ig"] as const) {
      const { original, geometry: _ } = openDataset(data).volumes.find(({ id }) => id === one.id)!;
      const map = await readNifti(join(run, "explained", `${one.id}-${kind}.nii.gz`), { unit: "arbitrary" });
      assert.deepEqual(map.shape, original.shape);
      map.origin.forEach((mm, axis) => assert.ok(Math.abs(mm - original.origin[axis]!) < 1e-3));
      // A model that has hardly learnt may have no positive part in Grad-CAM.
      const empty = kind === "gradcam" && one.slices.every(({ gradcam }) => gradcam === 0);
      assert.equal(
        map.data.every((value) => value === 0),
        empty,
        `${one.id} ${kind}`,
      );
      assert.ok(existsSync(join(run, "explained", `${one.id}-${kind}.png`)));
      const { gain, map: curves } = one.checks[kind]!;
      assert.ok(Number.isFinite(gain.deletion) && curves.deletion.every((p) => p >= 0 && p <= 1));
    }
  }
  assert.deepEqual(
    summary.maps.map(({ kind }) => kind),
    ["gradcam", "ig"],
  );
  const record = JSON.parse(readFileSync(join(run, "explained", "explain.json"), "utf8")) as Record<
    string,
    unknown
  >;
  assert.deepEqual([record["version"], record["method"], record["layer"]], [1, "2.5d", "bn3"]);
  assert.deepEqual((record["subjects"] as unknown[]).length, 2);
  const text = explainText(result);
  assert.match(text, /Grad-CAM, better than a random order by: deletion [+−]/);
  for (const warning of summary.warnings) assert.ok(text.includes(warning));
});

test("a map that cannot be written ends the computing with the system's words, and not after all the others", async () => {
  const out = join(folder, "blocked");
  const all = openDataset(data).volumes.map(({ id }) => id);
  claimFolder(out, "pictures");
  mkdirSync(join(out, `${all[0]!}-gradcam.png`));
  const seen = new Set<string>();
  const asked = explained(join(folder, "stacked"), {
    out,
    ids: all,
    check: false,
    onProgress: ({ message }) => seen.add(message ?? ""),
  });
  await assert.rejects(asked, { code: /^(EISDIR|ENOTEMPTY|EEXIST)$/ });
  assert.ok(seen.size < all.length, `${seen.size} of ${all.length} were computed`);
});

test("voxels that were changed after they were prepared are explained by nobody", async () => {
  const moved = join(folder, "changed");
  cpSync(data, moved, { recursive: true });
  const file = join(moved, "slices.npy");
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes);
  const run = join(folder, "of changed");
  cpSync(join(folder, "stacked"), run, { recursive: true });
  recordLocation(run, openRun(run, moved));
  await assert.rejects(explained(run, { out: join(folder, "never") }), {
    name: "DatasetError",
    message: /slices\.npy: the voxels of \S+ differ from those that were prepared/,
  });
  assert.ok(!existsSync(join(folder, "never")));
});

test("3D: a layer by name, one class for all, volumes by id and by subject, without checks", async () => {
  const run = await trained(
    "voxels",
    smallConfig({
      ...task,
      method: "3d",
      "network.model": "volume_cnn",
      "network.epochs": "1",
    }),
  );
  const [first, second] = openDataset(data).volumes;
  const result = await explained(run, {
    ids: [first!.id, second!.subject],
    target: "CT-0",
    layer: "slice_cnn.bn2",
    check: false,
  });
  assert.deepEqual(
    result.subjects.map(({ id, target }) => [id, target]),
    [
      [first!.id, 0],
      [second!.id, 0],
    ],
  );
  assert.equal(result.layer, "slice_cnn.bn2");
  assert.ok(
    result.subjects.every(
      ({ slices }) => slices.length === 8 && slices.every(({ leftOut }) => leftOut === null),
    ),
  );
  assert.deepEqual(result.summary.maps, []);
  await assert.rejects(
    explained(run, { target: "CT-9" }),
    (error) => error instanceof ExplainError && /no CT-9\. It has CT-0/.test(error.message),
  );
  await assert.rejects(explained(run, { ids: ["0099"] }), /0099: no volume or subject/);
  await assert.rejects(
    explained(run, { layer: "fc1" }),
    /expected maps, fc1 has an output of shape \[1, 512\]/,
  );
});

test("2D; a run that is stopped leaves no explain.json, one that is not trained is refused", async () => {
  const run = await trained("slices", smallConfig({ ...task, method: "2d", "slice.epochs": "1" }));
  const stop = new AbortController();
  await assert.rejects(explained(run, { signal: stop.signal, onProgress: () => stop.abort() }), {
    name: "AbortError",
  });
  assert.ok(!existsSync(join(run, "explained", "explain.json")));
  const { explained: what, subjects } = await explained(run, { count: 1, check: false, kinds: ["gradcam"] });
  assert.match(what, /^2d_vote/);
  assert.ok(
    subjects[0]!.slices.every(
      ({ weight, leftOut, ig }) => weight === null && ig === null && Number.isFinite(leftOut),
    ),
  );
  assert.ok(!existsSync(join(run, "explained", `${subjects[0]!.id}-ig.png`)));
  rmSync(join(run, "checkpoints"), { recursive: true });
  await assert.rejects(
    explained(run),
    (error) => error instanceof RunError && /slice stage is not trained/.test(error.message),
  );
});
