import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { reorient, resample, type Volume } from "@slicestack/volume";
import { readNpy, writeNifti, writeNpy } from "@slicestack/volume/node";
import { writeTable } from "../../src/data/csv.js";
import { DatasetError, PrepareError } from "../../src/data/errors.js";
import { meanLungHu } from "../../src/data/lung.js";
import { planScans } from "../../src/data/phantom/plan.js";
import { drawScan } from "../../src/data/phantom/scan.js";
import { prepare } from "../../src/tasks/prepare.js";
import { openDataset, verifyDataset, type DatasetInfo } from "../../src/data/store.js";
import { temporaryFolder } from "./temporary.js";

/** A volume of 6 x 5 x n voxels whose values say where they are: x + 10 y + 100 z. */
function ramp(slices: number): Volume {
  const data = new Int16Array(6 * 5 * slices);
  for (let i = 0; i < data.length; i++)
    data[i] = (i % 6) + 10 * (Math.floor(i / 6) % 5) + 100 * Math.floor(i / 30);
  return {
    data,
    shape: [6, 5, slices],
    spacing: [2, 3, 8],
    origin: [-5, 7, 40],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    unit: "HU",
  };
}

async function writeSource(folder: string, volumes: Record<string, Volume>): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const [id, volume] of Object.entries(volumes)) await writeNifti(join(folder, `${id}.nii.gz`), volume);
  const rows = Object.keys(volumes).map((id, i) => ({ id, subject: `s${id}`, label: i % 2, site: "A" }));
  writeTable(join(folder, "labels.csv"), ["id", "subject", "label", "site"], rows);
  return folder;
}

const slicesOf = async (directory: string) => await readNpy(join(directory, "slices.npy"));
const fileHash = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

test("prepare: one anatomy stored in eight orientations gives eight identical volumes, slices from the feet up", async (t) => {
  const folder = temporaryFolder(t);
  const codes = ["LPS", "LAS", "RAS", "RPI", "RAI", "LAI", "SPL", "PIR"];
  const volumes = Object.fromEntries(codes.map((code) => [code, reorient(ramp(12), code)]));
  const source = await writeSource(join(folder, "ct"), volumes);
  const dataset = await prepare({ source, destination: join(folder, "set"), size: [5, 6], depth: "native" });
  const { data, shape } = await slicesOf(dataset.directory);
  assert.deepEqual(shape, [8 * 12, 5, 6]);
  for (let v = 0; v < codes.length; v++) assert.deepEqual(data.slice(v * 360, (v + 1) * 360), ramp(12).data);
  for (const record of dataset.volumes) {
    assert.deepEqual(record.original.shape, [6, 5, 12]);
    assert.deepEqual(record.geometry.spacing, [2, 3, 8]);
  }
});

test("prepare: slice order is geometric, not alphabetical (trap 3): with 112 slices, slice k is the k-th from the feet", async (t) => {
  const folder = temporaryFolder(t);
  const source = await writeSource(join(folder, "ct"), { up: ramp(112), down: reorient(ramp(112), "LPI") });
  const { directory } = await prepare({
    source,
    destination: join(folder, "set"),
    size: [5, 6],
    depth: "native",
  });
  const { data } = await slicesOf(directory);
  for (const first of [0, 112]) {
    const heights = Array.from({ length: 112 }, (_, k) => Math.floor((data[(first + k) * 30] ?? 0) / 100));
    assert.deepEqual(heights, [...Array(112).keys()]);
  }
});

test("prepare: resampled voxels and spacing equal volume's resample; a phantom in two orientations gives the same array", async (t) => {
  const folder = temporaryFolder(t);
  const plan = planScans({ subjects: 5, seed: 5, minimum: 1, size: 48 })[0];
  assert.ok(plan);
  const lps = drawScan(plan, "LPS").volume;
  const source = await writeSource(join(folder, "ct"), { a: lps, b: drawScan(plan, "RAI").volume });
  const dataset = await prepare({ source, destination: join(folder, "set"), size: [32, 40], depth: 24 });
  const { data, shape, dtype } = await slicesOf(dataset.directory);
  assert.deepEqual([dtype, ...shape], ["int16", 48, 32, 40]);
  const expected = resample(lps, [40, 32, 24]);
  const n = 24 * 32 * 40;
  for (let i = 0; i < n; i++) {
    assert.ok(Math.abs((data[i] ?? NaN) - (expected.data[i] ?? NaN)) <= 1, `voxel ${i}`);
    assert.ok(Math.abs((data[i] ?? NaN) - (data[n + i] ?? NaN)) <= 1, `voxel ${i} of the other orientation`);
  }
  const [a] = dataset.volumes;
  assert.ok(a);
  a.geometry.spacing.forEach((mm, axis) => assert.ok(Math.abs(mm - (expected.spacing[axis] ?? NaN)) < 1e-6));
  a.geometry.origin.forEach((mm, axis) => assert.ok(Math.abs(mm - (expected.origin[axis] ?? NaN)) < 1e-4));
  assert.equal(a.sha256, fileHash(join(source, "a.nii.gz")));
  assert.deepEqual(
    [a.id, a.subject, a.label, a.first, a.count, a.unit, a.extra],
    ["a", "sa", 0, 0, 24, "HU", { site: "A" }],
  );
  assert.deepEqual([dataset.info.range, dataset.info.depth], [[-1000, 400], 24]);
});

test("prepare: the bytes do not depend on the number of workers, time or place; openDataset returns what was prepared", async (t) => {
  const folder = temporaryFolder(t);
  const volumes = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`v${i}`, ramp(3 + i)]));
  const source = await writeSource(join(folder, "ct"), volumes);
  const one = await prepare({ source, destination: join(folder, "one"), workers: 1 });
  const three = await prepare({ source, destination: join(folder, "three"), workers: 3 });
  for (const file of ["slices.npy", "subjects.csv"]) {
    assert.equal(fileHash(join(one.directory, file)), fileHash(join(three.directory, file)));
  }
  assert.equal(one.info.hash, three.info.hash);
  assert.deepEqual([one.info.height, one.info.width, one.info.depth, one.info.count], [128, 128, 64, 9]);
  const { left, columns, quarantined, resumed, warnings: _, ...opened } = one;
  assert.deepEqual([left, columns, quarantined, resumed], [[], { kept: ["site"], dropped: [] }, [], 0]);
  assert.deepEqual(openDataset(one.directory), opened);
  await verifyDataset(one);
});

test("dataset hash: a different voxel, label or subject gives a different hash", async (t) => {
  const folder = temporaryFolder(t);
  const hashOf = async (name: string, volume: Volume, label: number, subject: string) => {
    const source = join(folder, name, "ct");
    await writeSource(source, { a: volume });
    writeTable(join(source, "labels.csv"), ["id", "subject", "label"], [{ id: "a", subject, label }]);
    return (await prepare({ source, destination: join(folder, name, "set"), size: [5, 6], depth: "native" }))
      .info.hash;
  };
  const other = ramp(4);
  other.data[17] = 999;
  const hashes = [
    await hashOf("same", ramp(4), 0, "s"),
    await hashOf("again", ramp(4), 0, "s"),
    await hashOf("voxel", other, 0, "s"),
    await hashOf("label", ramp(4), 1, "s"),
    await hashOf("subject", ramp(4), 0, "t"),
  ];
  assert.equal(hashes[0], hashes[1]);
  assert.equal(new Set(hashes).size, 4);
});

test("prepare: .npy volumes (H, W, S) keep dtype and values, slices in their order; numpy opens slices.npy", async (t) => {
  const folder = temporaryFolder(t);
  const source = join(folder, "npy");
  const counts = [1, 12, 3];
  for (const [k, count] of counts.entries()) {
    const path = join(source, `class_${k % 2}`, `v${k}.npy`);
    mkdirSync(dirname(path), { recursive: true });
    const data = Uint16Array.from(
      { length: 4 * 7 * count },
      (_, i) => 1000 * (i % count) + Math.floor(i / count),
    );
    await writeNpy(path, { data, shape: [4, 7, count] });
  }
  const dataset = await prepare({ source, destination: join(folder, "set") });
  assert.deepEqual(
    [dataset.info.dtype, dataset.info.unit, dataset.info.range],
    ["uint16", "arbitrary", [0, 65535]],
  );
  // In the order of the paths: class_0/v0, class_0/v2, class_1/v1.
  assert.deepEqual(
    dataset.volumes.map((volume) => [volume.id, volume.label, volume.first, volume.count]),
    [
      ["v0", 0, 0, 1],
      ["v2", 0, 1, 3],
      ["v1", 1, 4, 12],
    ],
  );
  const { data } = await slicesOf(dataset.directory);
  for (const { first, count } of dataset.volumes) {
    for (let s = 0; s < count; s++) {
      for (let i = 0; i < 28; i++) assert.equal(data[(first + s) * 28 + i], 1000 * s + i);
    }
  }
  assert.equal(dataset.volumes[0]?.meanLungHu, null);
  const python = "/usr/bin/python3";
  const path = join(dataset.directory, "slices.npy");
  const code =
    "import numpy, sys; a = numpy.load(sys.argv[1], mmap_mode='r'); print(a.dtype, a.shape, int(a[5, 2, 3]))";
  if (!existsSync(python) || spawnSync(python, ["-c", "import numpy"]).status !== 0) {
    return t.skip("numpy of /usr/bin/python3 is not installed: slices.npy was read by our own reader only");
  }
  const numpy = spawnSync(python, ["-c", code, path], { encoding: "utf8" });
  assert.equal(numpy.stdout.trim(), "uint16 (16, 4, 7) 1017");
});

test("prepare: with size and depth, .npy volumes are resampled like any other", async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "npy", "class_0"), { recursive: true });
  const data = Float32Array.from({ length: 4 * 4 * 4 }, (_, i) => i % 4);
  await writeNpy(join(folder, "npy", "class_0", "a.npy"), { data, shape: [4, 4, 4] });
  const set = await prepare({
    source: join(folder, "npy"),
    destination: join(folder, "set"),
    size: [2, 2],
    depth: 8,
  });
  const slices = await slicesOf(set.directory);
  assert.deepEqual([slices.dtype, ...slices.shape], ["float32", 8, 2, 2]);
  // Values grow along the slices only, so they stay the same within each and never fall.
  for (let s = 0; s < 8; s++)
    for (let i = 1; i < 4; i++) assert.equal(slices.data[s * 4 + i], slices.data[s * 4]);
  for (let s = 1; s < 8; s++) assert.ok((slices.data[s * 4] ?? 0) >= (slices.data[s * 4 - 4] ?? 0));
});

test("prepare: a damaged volume is quarantined with its reason and the rest is prepared; if all fail, it is an error", async (t) => {
  const folder = temporaryFolder(t);
  const source = await writeSource(join(folder, "ct"), { a: ramp(4), b: ramp(5), c: ramp(6) });
  truncateSync(join(source, "b.nii.gz"), 200);
  const dataset = await prepare({ source, destination: join(folder, "set") });
  assert.deepEqual(
    dataset.volumes.map((volume) => [volume.id, volume.first]),
    [
      ["a", 0],
      ["c", 64],
    ],
  );
  const quarantined = dataset.info.quarantined ?? [];
  assert.equal(quarantined.length, 1);
  assert.equal(quarantined[0]?.source, "b.nii.gz");
  assert.ok((quarantined[0]?.reason.length ?? 0) > 10);
  for (const id of ["a", "c"]) writeFileSync(join(source, `${id}.nii.gz`), "no scan");
  await assert.rejects(
    prepare({ source, destination: join(folder, "none") }),
    /none of 3 volumes could be prepared; the first, a\.nii\.gz/,
  );
  assert.deepEqual(readdirSync(folder).sort(), ["ct", "set"]);
});

test("prepare: volumes of another size are quarantined, naming the option to pass; both kinds in one source are refused", async (t) => {
  const folder = temporaryFolder(t);
  const source = join(folder, "npy");
  mkdirSync(join(source, "class_0"), { recursive: true });
  await writeNpy(join(source, "class_0", "a.npy"), { data: new Uint8Array(8), shape: [2, 2, 2] });
  await writeNpy(join(source, "class_0", "b.npy"), { data: new Uint8Array(18), shape: [3, 3, 2] });
  const dataset = await prepare({ source, destination: join(folder, "set") });
  assert.match(
    dataset.info.quarantined?.[0]?.reason ?? "",
    /uint8 2 x 2 as in the first volume, received uint8 3 x 3; pass --size/,
  );
  await writeNifti(join(source, "class_0", "c.nii"), ramp(2));
  await assert.rejects(
    prepare({ source, destination: join(folder, "mixed") }),
    /found CT in HU and ready-made arrays/,
  );
});

test("prepare: when stopped, it keeps finished volumes and leaves an existing data set unchanged; the same call continues to the same bytes", async (t) => {
  const folder = temporaryFolder(t);
  const volumes = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`v${i}`, ramp(4)]));
  const source = await writeSource(join(folder, "ct"), volumes);
  const destination = join(folder, "set");
  const { info } = await prepare({ source, destination, size: [5, 6], depth: 4 });
  const abort = new AbortController();
  let reports = 0;
  const onProgress = () => {
    if (++reports === 3) abort.abort(new Error("Ctrl-C"));
  };
  const again = { source, destination, overwrite: true, size: [5, 6] as [number, number], depth: 6 };
  await assert.rejects(prepare({ ...again, signal: abort.signal, onProgress }), /Ctrl-C/);
  assert.equal(reports, 3);
  assert.deepEqual(readdirSync(folder).sort(), [".set.prepare", "ct", "set"]);
  assert.deepEqual(openDataset(destination).info, info);
  const other = { ...again, depth: 7, overwrite: false, destination: join(folder, "new") };
  const early = new AbortController();
  await assert.rejects(
    prepare({ ...other, signal: early.signal, onProgress: () => early.abort(new Error("stop")) }),
    /stop/,
  );
  await assert.rejects(prepare({ ...other, depth: 8 }), /with other settings or files.*--overwrite/s);

  const resumed = await prepare(again);
  assert.ok(resumed.resumed >= 1 && resumed.resumed < 12, `${resumed.resumed} of 12 were done`);
  const undisturbed = await prepare({ ...again, destination: join(folder, "whole"), name: "set" });
  for (const file of readdirSync(undisturbed.directory))
    assert.equal(fileHash(join(destination, file)), fileHash(join(undisturbed.directory, file)), file);
  assert.deepEqual(readdirSync(destination).sort(), readdirSync(undisturbed.directory).sort());
  await assert.rejects(
    prepare({ source, destination, signal: AbortSignal.abort(new Error("early")) }),
    /early/,
  );
});

test("prepare: an existing destination is refused unless overwrite; source and destination must not contain each other", async (t) => {
  const folder = temporaryFolder(t);
  const source = await writeSource(join(folder, "ct"), { a: ramp(4), b: ramp(4) });
  const destination = join(folder, "set");
  await prepare({ source, destination, depth: 4 });
  await assert.rejects(prepare({ source, destination, depth: 8 }), /not empty/);
  const replaced = await prepare({ source, destination, depth: 8, overwrite: true, name: "other" });
  assert.deepEqual([replaced.info.depth, replaced.info.name], [8, "other"]);
  const dataset = await prepare({
    source,
    destination,
    depth: 8,
    overwrite: true,
    attribution: "A. Nobody, CC BY 4.0",
  });
  assert.equal(openDataset(destination).info.attribution, "A. Nobody, CC BY 4.0");
  assert.equal(dataset.info.hash, replaced.info.hash, "no part of what the data set is");
  for (const bad of [source, join(source, "set"), folder]) {
    await assert.rejects(prepare({ source, destination: bad, overwrite: true }), PrepareError);
  }
  for (const depth of [0, -1, 1.5])
    await assert.rejects(prepare({ source, destination: join(folder, "x"), depth }), /depth/);
  await assert.rejects(prepare({ source, destination: join(folder, "x"), size: [0, 5] }), /size/);
});

test("openDataset refuses damaged sets, naming the file: truncated slices, lost rows, gaps, labels out of range, bad JSON", async (t) => {
  const folder = temporaryFolder(t);
  const source = await writeSource(join(folder, "ct"), { a: ramp(4), b: ramp(5) });
  const good = await prepare({ source, destination: join(folder, "good"), size: [5, 6], depth: "native" });
  let n = 0;
  const damaged = (file: string, damage: (path: string) => void, message: RegExp) => {
    const copy = join(folder, `bad${n++}`);
    mkdirSync(copy);
    for (const name of readdirSync(good.directory))
      copyFileSync(join(good.directory, name), join(copy, name));
    damage(join(copy, file));
    assert.throws(
      () => openDataset(copy),
      (error) =>
        error instanceof DatasetError && error.file === join(copy, file) && message.test(error.message),
      `${file}: ${String(message)}`,
    );
  };
  const edit = (from: RegExp, to: string) => (path: string) => {
    const text = readFileSync(path, "utf8");
    assert.match(text, from);
    writeFileSync(path, text.replace(from, to));
  };
  const size = readFileSync(good.slicesPath).length;
  damaged("slices.npy", (path) => truncateSync(path, size - 2), /expected \d+ bytes for 9 slices, found/);
  damaged("slices.npy", (path) => appendFileSync(path, "x"), /expected \d+ bytes/);
  damaged("slices.npy", (path) => writeFileSync(path, "no array"), /expected a \.npy array/);
  damaged("subjects.csv", edit(/\nb,.*\n/, "\n"), /expected 2 volumes \(dataset\.json\), found 1/);
  damaged(
    "subjects.csv",
    edit(/\nb,sb,1,,4,5/, "\nb,sb,1,,5,5"),
    /b: expected slices that begin at 4, found first 5/,
  );
  damaged(
    "subjects.csv",
    edit(/\nb,sb,1,,4,5/, "\nb,sb,1,,4,4"),
    /expected 9 slices as in slices\.npy, but the rows add up to 8/,
  );
  damaged("subjects.csv", edit(/\nb,sb,1/, "\nb,sb,2"), /b: expected a label 0\.\.1, found 2/);
  damaged("subjects.csv", edit(/\nb,sb,1/, "\na,sb,1"), /id a appears twice/);
  damaged(
    "subjects.csv",
    edit(/\nb,sb,1/, "\nb,sb,one"),
    /line 3: label: expected a whole number, found "one"/,
  );
  damaged("dataset.json", (path) => writeFileSync(path, "{"), /is not a valid data set: .*JSON/);
  damaged("dataset.json", edit(/"height": 5/, '"height": 6'), /its content does not match the SHA-256/);
  damaged(
    "subjects.csv",
    edit(/\nb,sb,1/, "\nb,sb,0"),
    /its content was changed after the data set was prepared/,
  );
  const unsealed = (from: RegExp, to: string) => (path: string) => {
    edit(/,\n {2}"sha256": ".*"/, "")(path);
    edit(from, to)(path);
  };
  damaged("dataset.json", unsealed(/"height": 5/, '"height": "5"'), /height/);
  damaged(
    "slices.npy",
    (path) => unsealed(/"height": 5/, '"height": 6')(join(dirname(path), "dataset.json")),
    /expected little-endian int16/,
  );
  assert.throws(() => openDataset(join(folder, "none")), /dataset\.json: cannot be read \(ENOENT\)/);
});

test("verifyDataset finds a changed voxel that openDataset cannot see", async (t) => {
  const folder = temporaryFolder(t);
  const source = await writeSource(join(folder, "ct"), { a: ramp(4) });
  const dataset = await prepare({ source, destination: join(folder, "set"), size: [5, 6], depth: "native" });
  const bytes = readFileSync(dataset.slicesPath);
  bytes[dataset.slicesOffset + 7] = 77;
  writeFileSync(dataset.slicesPath, bytes);
  openDataset(dataset.directory);
  await assert.rejects(verifyDataset(dataset), /the voxels of a differ from those that were prepared/);
});

test("subjects.csv keeps additional label columns whose names are already used, and empty and quoted values", async (t) => {
  const folder = temporaryFolder(t);
  const source = await writeSource(join(folder, "ct"), { a: ramp(2), b: ramp(2) });
  const rows = [
    { id: "a", label: 0, unit: "bed 3", note: 'x, "y"' },
    { id: "b", label: 1, unit: "", note: "" },
  ];
  writeTable(join(source, "labels.csv"), ["id", "label", "unit", "note"], rows);
  const { volumes } = await prepare({
    source,
    destination: join(folder, "set"),
    size: [5, 6],
    depth: "native",
  });
  assert.deepEqual(
    volumes.map((volume) => volume.extra),
    [
      { unit: "bed 3", note: 'x, "y"', value_flags: "no-air" },
      { unit: "", note: "", value_flags: "no-air" },
    ],
  );
});

test("prepare clips HU to int16 (values computed by hand)", async (t) => {
  const folder = temporaryFolder(t);
  const volume: Volume = { ...ramp(1), data: new Float32Array(30).fill(0.4) };
  volume.data.set([-40000, 40000, -1000.6, 12.5]);
  const source = await writeSource(join(folder, "ct"), { a: volume });
  const { directory, info } = await prepare({
    source,
    destination: join(folder, "set"),
    size: [5, 6],
    depth: "native",
  });
  const { data, dtype } = await slicesOf(directory);
  assert.equal(dtype, "int16");
  assert.deepEqual([...data.slice(0, 5)], [-32768, 32767, -1001, 13, 0]);
  assert.equal(
    (JSON.parse(readFileSync(join(directory, "dataset.json"), "utf8")) as DatasetInfo).hash,
    info.hash,
  );
});

test("meanLungHu: air inside counts, air outside does not, opacities inside are closed (computed by hand)", () => {
  const n = 60;
  const slice = new Int16Array(n * n).fill(-1000);
  const paint = (low: number, high: number, hu: number) => {
    for (let y = low; y < high; y++) for (let x = low; x < high; x++) slice[y * n + x] = hu;
  };
  paint(5, 55, 40);
  assert.equal(meanLungHu(slice, n, n, [4, 4]), null);
  paint(20, 40, -800);
  assert.equal(meanLungHu(slice, n, n, [4, 4]), -800);
  paint(28, 32, 0);
  // 400 voxels of lung, 16 of them dense.
  assert.equal(meanLungHu(slice, n, n, [4, 4]), -768);
});
