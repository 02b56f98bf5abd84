import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { orientationCode, reorient } from "@slicestack/volume";
import { readNifti } from "@slicestack/volume/node";
import { readTable } from "../../src/data/csv.js";
import { PrepareError } from "../../src/data/errors.js";
import { affectedBands } from "../../src/data/phantom/lesions.js";
import { classCounts, planScans, type ScanPlan } from "../../src/data/phantom/plan.js";
import { drawScan } from "../../src/data/phantom/scan.js";
import { generatePhantoms } from "../../src/data/phantom.js";
import { FOLDER_MARK } from "../../src/data/owned-folder.js";
import { temporaryFolder } from "./temporary.js";

/** SHA-256 of every file of a folder but its mark, which says that it is ours and is the same everywhere. */
function digests(folder: string): [string, string][] {
  return readdirSync(folder)
    .filter((name) => name !== FOLDER_MARK)
    .sort()
    .map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex"),
    ]);
}

test("generatePhantoms: the same seed gives the same bytes, with one worker and with two; another seed gives others", async (t) => {
  const folder = temporaryFolder(t);
  const make = async (name: string, seed: number, workers: number) => {
    const { directory } = await generatePhantoms({
      destination: join(folder, name),
      subjects: 10,
      seed,
      size: 40,
      workers,
    });
    return digests(directory);
  };
  const one = await make("one", 5, 1);
  assert.deepEqual(await make("two", 5, 2), one);
  const other = await make("other", 6, 2);
  assert.equal(one.filter(([, hash]) => other.some((entry) => entry[1] === hash)).length, 0);
  assert.deepEqual(readdirSync(folder).sort(), ["one", "other", "two"]);
});

test("generatePhantoms: the affected share of every scan is in the range of its class, and labels.csv matches the files", async (t) => {
  const destination = join(temporaryFolder(t), "ct");
  const seen: number[] = [];
  const { scans, labels } = await generatePhantoms({
    destination,
    seed: 3,
    counts: [4, 4, 4, 4, 4],
    size: 56,
    onProgress: ({ done, total, unit }) => {
      assert.equal(unit, "scans");
      seen.push(done / total);
    },
  });
  assert.equal(seen.length, scans.length);
  assert.equal(seen.at(-1), 1);
  for (const { id, label, affected } of scans) {
    const [low, high] = affectedBands[label] ?? [NaN, NaN];
    const inside = label === 0 ? affected === 0 : affected > low && affected < high;
    assert.ok(inside, `${id}: ${affected} of the lung is affected, CT-${label} is ${low}..${high}`);
  }
  const table = readTable(labels);
  assert.deepEqual(table.columns, ["id", "subject", "label", "class", "site", "sex", "age", "affected"]);
  assert.deepEqual(
    table.rows.map((row) => [row.values["id"], Number(row.values["label"]), row.values["class"]]),
    scans.map((scan) => [scan.id, scan.label, `CT-${scan.label}`]),
  );
  assert.deepEqual(
    readdirSync(destination)
      .filter((name) => name.endsWith(".nii.gz"))
      .sort(),
    scans.map((scan) => `${scan.id}.nii.gz`),
  );
});

/** Voxels by which a scan differs from the same person's scan without disease: same breath, dose and noise. */
function changedVoxels(plan: ScanPlan): number {
  const sick = drawScan(plan, "LPS").volume.data;
  const healthy = drawScan({ ...plan, label: 0 }, "LPS").volume.data;
  let changed = 0;
  for (let i = 0; i < sick.length; i++) if ((sick[i] ?? 0) - (healthy[i] ?? 0) > 60) changed++;
  return changed;
}

test("affected share: proportional to the voxels that differ from the person's healthy twin (within a quarter)", () => {
  const plan = planScans({ subjects: 5, seed: 2, minimum: 1, size: 56 })[0];
  assert.ok(plan);
  const rates = [1, 2, 3, 4].map(
    (label) => changedVoxels({ ...plan, label }) / drawScan({ ...plan, label }).affected,
  );
  for (const rate of rates)
    assert.ok(Math.abs(rate / (rates[3] ?? NaN) - 1) < 0.25, rates.map(Math.round).join(", "));
});

test("phantoms look like chest CT in HU: air outside, lungs, soft tissue and bone in anatomical shares", () => {
  const plans = planScans({ subjects: 5, seed: 8, minimum: 1, size: 64 });
  for (const plan of plans.filter(({ label }) => label < 2)) {
    const { data, shape, spacing } = drawScan(plan, "LPS").volume;
    const voxel = (spacing[0] * spacing[1] * spacing[2]) / 1e6;
    const litres = (low: number, high: number) => {
      let inside = 0;
      for (const hu of data) if (hu >= low && hu < high) inside++;
      return inside * voxel;
    };
    const middle = (x: number, y: number, z: number) =>
      data[
        Math.floor(x * shape[0]) + shape[0] * (Math.floor(y * shape[1]) + shape[1] * Math.floor(z * shape[2]))
      ] ?? NaN;
    assert.ok(middle(0.02, 0.02, 0.5) < -940, "air in the corner");
    assert.ok(litres(-950, -550) > 1.5 && litres(-950, -550) < 9, `${litres(-950, -550)} litres of lung`);
    assert.ok(litres(0, 120) > 4, `${litres(0, 120)} litres of soft tissue`);
    assert.ok(litres(250, 1200) > 0.15 && litres(250, 1200) < 3, `${litres(250, 1200)} litres of bone`);
  }
});

test("geometry: files are really stored in several orientations; reoriented to LPS they equal the scan drawn in LPS", async (t) => {
  const destination = join(temporaryFolder(t), "ct");
  await generatePhantoms({ destination, subjects: 12, seed: 4, size: 40 });
  const plans = planScans({ subjects: 12, seed: 4, minimum: 6, size: 40 });
  const codes = new Set<string>();
  for (const plan of plans) {
    const stored = await readNifti(join(destination, `${plan.id}.nii.gz`));
    codes.add(orientationCode(stored));
    const upright = reorient(stored, "LPS");
    const drawn = drawScan(plan, "LPS").volume;
    assert.deepEqual(upright.data, drawn.data);
    upright.origin.forEach((mm, axis) => assert.ok(Math.abs(mm - (drawn.origin[axis] ?? NaN)) < 1e-3));
    const [nx, , nz] = stored.shape;
    assert.ok(nx === 40 && nz >= 28 && nz <= 48, `${nz} slices`);
    assert.ok(stored.spacing[2] >= 5.999 && stored.spacing[2] <= 10.001);
  }
  assert.ok(codes.size >= 3, [...codes].join(", "));
  assert.ok(codes.has("LAS"));
});

test("anatomy: the heart lies to the left and in front, the spine at the back, the liver at the right", () => {
  const plan = planScans({ subjects: 5, seed: 21, minimum: 1, size: 64 })[0];
  assert.ok(plan);
  const { volume, anatomy } = drawScan({ ...plan, label: 0 }, "LPS");
  const at = (x: number, y: number, z: number) => {
    const [i, j, k] = [x, y, z].map((mm, axis) =>
      Math.round((mm - (volume.origin[axis] ?? 0)) / (volume.spacing[axis] ?? 1)),
    );
    return volume.data[(i ?? 0) + volume.shape[0] * ((j ?? 0) + volume.shape[1] * (k ?? 0))] ?? NaN;
  };
  const { heart, lungHeight } = anatomy;
  assert.ok(heart.x > 0 && heart.y < 0);
  assert.ok(at(heart.x, heart.y, heart.z) > -60);
  assert.ok(at(-heart.x - 40, heart.y + 40, lungHeight * 0.5) < -400, "right lung");
  assert.ok(at(-60, 0, 5) > -60, "liver");
  const column = [-2, -1, 0, 1, 2].map((k) => at(0, anatomy.spineY, lungHeight * 0.5 + k * 7));
  assert.ok(Math.max(...column) > 110, "spine");
});

test("two scans of one subject share label, sex and age, and differ in breath and noise", () => {
  const plans = planScans({ subjects: 30, seed: 1, minimum: 2, size: 40 });
  const pairs = plans.flatMap((plan, i) =>
    plans[i + 1]?.subject === plan.subject ? [[plan, plans[i + 1]] as const] : [],
  );
  assert.equal(pairs.length, 2);
  for (const [a, b] of pairs) {
    assert.ok(b);
    assert.equal(a.label, b.label);
    assert.equal(a.subjectSeed, b.subjectSeed);
    const [first, second] = [drawScan(a), drawScan(b)];
    assert.equal(first.anatomy.age, second.anatomy.age);
    assert.equal(first.anatomy.spineY, second.anatomy.spineY);
    assert.notEqual(first.acquisition.inspiration, second.acquisition.inspiration);
  }
});

test("classCounts: MosMed's proportions with a minimum, summing to the requested number (computed by hand for 100)", () => {
  assert.deepEqual(classCounts(100, 6), [23, 54, 11, 6, 6]);
  assert.deepEqual(classCounts(1110, 1), [254, 684, 125, 45, 2]);
  for (const subjects of [5, 7, 20, 31, 500]) {
    const counts = classCounts(subjects, 6);
    assert.equal(
      counts.reduce((a, b) => a + b, 0),
      subjects,
    );
    assert.ok(Math.min(...counts) >= Math.min(6, Math.floor(subjects / 5)));
  }
});

test("generatePhantoms: an occupied folder, wrong counts and an abort are refused, and nothing is left behind", async (t) => {
  const folder = temporaryFolder(t);
  const destination = join(folder, "ct");
  const options = { destination, seed: 1, subjects: 5, size: 40 };
  await assert.rejects(generatePhantoms({ ...options, counts: [1, 2] }), PrepareError);
  await assert.rejects(generatePhantoms({ ...options, subjects: 2 }), PrepareError);
  const abort = new AbortController();
  const stopped = generatePhantoms({
    ...options,
    signal: abort.signal,
    onProgress: () => abort.abort(new Error("stop here")),
  });
  await assert.rejects(stopped, /stop here/);
  assert.deepEqual(readdirSync(folder), []);
  await generatePhantoms(options);
  await assert.rejects(generatePhantoms(options), /not empty/);
  assert.deepEqual(readdirSync(folder), ["ct"]);
});
