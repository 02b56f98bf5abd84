/** Every layout that prepare takes: what is stored is what lies in the source. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { cropTo, encodeNpyHeader, findLungs, reorient, type Volume } from "@slicestack/volume";
import { readNpy, writeNifti, writeNpy } from "@slicestack/volume/node";
import sharp from "sharp";
import { writeTable } from "../../src/data/csv.js";
import { planScans } from "../../src/data/phantom/plan.js";
import { drawScan } from "../../src/data/phantom/scan.js";
import { prepare } from "../../src/tasks/prepare.js";
import { writeSlices } from "../../src/data/slices.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { readSplit, writeSplit } from "../../src/data/split/split.js";
import { openDataset, readStored, type Dataset } from "../../src/data/store.js";
import { temporaryFolder } from "./temporary.js";

function put(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

/** 5 x 4 x n voxels that say where they are. */
function ramp(slices: number, shift = 0): Volume {
  const data = Int16Array.from(
    { length: 20 * slices },
    (_, i) => (i % 5) + 10 * (Math.floor(i / 5) % 4) + 100 * Math.floor(i / 20) - 1000 + shift,
  );
  return {
    data,
    shape: [5, 4, slices],
    spacing: [1.5, 2, 3],
    origin: [-7, 11, 40],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    unit: "HU",
  };
}

const stored = (dataset: Dataset, k: number) => {
  const { first, count } = dataset.volumes[k]!;
  return readStored(dataset, first, count);
};
const at = { depth: "native" as const, size: [4, 5] as [number, number] };

test("NRRD, MetaImage, NIfTI pairs and mixtures of them form one data set of CT, with their geometry", async (t) => {
  const source = join(temporaryFolder(t), "ct");
  const volume = ramp(3);
  const raw = Buffer.from(volume.data.buffer);
  writeFileSync(
    put(join(source, "class_0/a.mha")),
    Buffer.concat([
      Buffer.from(
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n" +
          "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = -7 11 40\nElementSpacing = 1.5 2 3\nDimSize = 5 4 3\n" +
          "ElementType = MET_SHORT\nElementDataFile = LOCAL\n",
      ),
      raw,
    ]),
  );
  writeFileSync(
    put(join(source, "class_1/b.nrrd")),
    Buffer.concat([
      Buffer.from(
        "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 5 4 3\n" +
          "space directions: (1.5,0,0) (0,2,0) (0,0,3)\nkinds: domain domain domain\nendian: little\nencoding: raw\n" +
          "space origin: (-7,11,40)\n\n",
      ),
      raw,
    ]),
  );
  await writeNifti(put(join(source, "class_1/c.nii.gz")), reorient(volume, "RAI"));
  const set = await prepare({ source, destination: join(source, "../set"), ...at });
  assert.deepEqual(
    set.volumes.map(({ id, label, unit }) => `${id} ${label} ${unit}`),
    ["a 0 HU", "b 1 HU", "c 1 HU"],
  );
  for (let k = 0; k < 3; k++) {
    assert.deepEqual(stored(set, k), volume.data, set.volumes[k]!.id);
    assert.deepEqual(set.volumes[k]!.geometry, {
      spacing: [1.5, 2, 3],
      origin: [-7, 11, 40],
      direction: volume.direction,
    });
  }
  const file = join(source, "class_0/a.mha");
  writeFileSync(file, readFileSync(file, "latin1").replace("ElementSpacing = 1.5 2 3\n", ""), "latin1");
  const silent = await prepare({ source, destination: join(source, "../silent"), ...at });
  assert.match(
    silent.volumes[0]!.extra["geometry_notes"]!,
    /does not give the spacing along x, y, z: 1 mm was assumed/,
  );
  assert.match(silent.warnings.join(), /1 volumes have a file .* without a spacing, such as a:/);
});

test("stacked arrays ct_0.npy, ct_1.npy (N, H, W, D): each item is a volume of that class", async (t) => {
  const folder = temporaryFolder(t);
  const item = (label: number, n: number) =>
    Float32Array.from({ length: 2 * 3 * 4 }, (_, i) => 1000 * label + 100 * n + i);
  for (const label of [0, 1]) {
    const data = new Float32Array(3 * 24);
    for (let n = 0; n < 3; n++) data.set(item(label, n), n * 24);
    await writeNpy(put(join(folder, `arrays/ct_${label}.npy`)), { data, shape: [3, 2, 3, 4] });
  }
  const set = await prepare({ source: join(folder, "arrays"), destination: join(folder, "set") });
  assert.deepEqual(
    set.volumes.map(({ id, label, count }) => `${id} ${label} ${count}`),
    [0, 1].flatMap((label) => [0, 1, 2].map((n) => `ct_${label}#${n} ${label} 4`)),
  );
  // (H, W, D): the last axis is that of the slices.
  const expected = Float32Array.from({ length: 24 }, (_, i) => item(1, 2)[(i % 6) * 4 + Math.floor(i / 6)]!);
  assert.deepEqual(stored(set, 5), expected);
});

test("slices NAME_INDEX.npy in train|val/ct_k_slice, unpadded: numeric order (trap 3), parts kept; a volume with a lost slice is quarantined", async (t) => {
  const folder = temporaryFolder(t);
  for (const [part, label, name, count] of [
    ["train", 0, "p1", 12],
    ["train", 1, "p2", 3],
    ["val", 1, "p3", 11],
    ["train", 0, "p4", 4],
  ] as const)
    for (let s = 0; s < count; s++) {
      if (name === "p4" && s === 2) continue;
      const path = put(join(folder, `slices/${part}/ct_${label}_slice/${name}_${s}.npy`));
      await writeNpy(path, { data: new Uint8Array(6).fill(s), shape: [2, 3] });
    }
  const set = await prepare({ source: join(folder, "slices"), destination: join(folder, "set") });
  assert.deepEqual(
    set.volumes.map(({ id, label, part, count }) => `${id} ${label} ${part} ${count}`),
    ["p1 0 train 12", "p2 1 train 3", "p3 1 val 11"],
  );
  assert.deepEqual(
    [...stored(set, 0)].filter((_, i) => i % 6 === 0),
    [...Array(12).keys()],
  );
  const remedy = "Export them again, or pass --allow-gaps to interpolate them from their neighbours";
  assert.deepEqual(set.info.quarantined, [
    {
      source: "train/ct_0_slice/p4",
      reason: `a slice is missing between "p4_0.npy" and "p4_3.npy": 2. ${remedy}`,
    },
  ]);
});

test("a folder of pictures with one number missing: quarantined with the reason, its label matched; with allowGaps the slice is interpolated and recorded", async (t) => {
  const folder = temporaryFolder(t);
  for (const [subject, numbers] of [
    ["p049", [1, 2, 3]],
    ["p050", [1, 2, 5, 6]],
    ["p051", [1, 9]],
  ] as const)
    for (const number of numbers) {
      const path = put(join(folder, `scans/${subject}/${number}.jpg`));
      await sharp(Buffer.alloc(64, 10 * number), { raw: { width: 8, height: 8, channels: 1 } })
        .jpeg({ quality: 100 })
        .toFile(path);
    }
  const labels = join(folder, "labels.csv");
  writeFileSync(labels, "id,label\np049,0\np050,1\np051,1\n");
  const settings = { source: join(folder, "scans"), labels };
  const refused = await prepare({ ...settings, destination: join(folder, "refused") });
  assert.deepEqual(
    refused.volumes.map(({ id }) => id),
    ["p049"],
  );
  const reasons = refused.info.quarantined!.map(({ source, reason }) => `${source}: ${reason}`);
  assert.match(
    reasons[0]!,
    /^p050: 2 slices are missing between "1\.jpg" and "6\.jpg": 3, 4\. .*--allow-gaps/,
  );
  const filled = await prepare({ ...settings, destination: join(folder, "filled"), allowGaps: true });
  assert.deepEqual(
    filled.volumes.map(({ id, count, extra }) => [id, count, extra["gaps_filled"] ?? ""]),
    [
      ["p049", 3, ""],
      ["p050", 6, "2"],
    ],
  );
  assert.deepEqual(
    [...stored(filled, 1)].filter((_, i) => i % 64 === 0),
    [10, 20, 30, 40, 50, 60],
  );
  assert.match(
    filled.info.quarantined![0]!.reason,
    /7 slices are missing .*; that is more than the 2 that exist/,
  );
});

test("a source that is itself the folder of one volume's slices is named after that folder", async (t) => {
  const folder = temporaryFolder(t);
  for (const number of [1, 2])
    await sharp(Buffer.alloc(4, number), { raw: { width: 2, height: 2, channels: 1 } })
      .png()
      .toFile(put(join(folder, `p049/${number}.png`)));
  const labels = join(folder, "labels.csv");
  writeFileSync(labels, "id,label\np049,0\n");
  const { volumes } = await prepare({
    source: join(folder, "p049"),
    destination: join(folder, "set"),
    labels,
  });
  assert.deepEqual(
    volumes.map(({ id, source }) => [id, source]),
    [["p049", "p049"]],
  );
});

test("folders of PNG slices: one volume per folder, in the order of the numbers", async (t) => {
  const folder = temporaryFolder(t);
  for (const [label, subject, count] of [
    [0, "p1", 11],
    [1, "p2", 3],
  ] as const)
    for (let s = 0; s < count; s++) {
      const path = put(join(folder, `png/class_${label}/${subject}/slice${s}.png`));
      await sharp(Buffer.alloc(12, 10 * s + label), { raw: { width: 4, height: 3, channels: 1 } })
        .toColourspace("b-w")
        .png()
        .toFile(path);
    }
  const set = await prepare({ source: join(folder, "png"), destination: join(folder, "set") });
  assert.deepEqual(
    set.volumes.map(({ id, label, count }) => `${id} ${label} ${count}`),
    ["p1 0 11", "p2 1 3"],
  );
  assert.deepEqual(
    [...stored(set, 0)].filter((_, i) => i % 12 === 0),
    Array.from({ length: 11 }, (_, s) => 10 * s),
  );
});

test("slicestack slices and back: the same voxels, subjects, labels and parts; HU remain HU with --unit", async (t) => {
  const folder = temporaryFolder(t);
  const source = join(folder, "ct");
  const rows = Array.from({ length: 9 }, (_, k) => ({
    id: `v${k}`,
    subject: `s${Math.floor(k / 2)}`,
    label: k % 2,
    class: ["a", "b"][k % 2]!,
  }));
  for (const [k, { id }] of rows.entries())
    await writeNifti(put(join(source, `${id}.nii`)), ramp(2 + k, 7 * k));
  writeTable(join(source, "labels.csv"), ["id", "subject", "label", "class"], rows);
  const set = await prepare({ source, destination: join(folder, "set"), ...at });
  const split = makeSplit(set, { seed: 1 });
  writeSplit(set, split);
  const out = join(folder, "slices");
  const written = await writeSlices(set, { destination: out });
  assert.deepEqual(
    [written.volumes, written.slices],
    [9, set.volumes.reduce((sum, { count }) => sum + count, 0)],
  );
  const part = split.parts.test.includes("v8") ? "test" : split.parts.val.includes("v8") ? "val" : "train";
  const one = await readNpy(join(out, part, "class_0", "v8_004.npy"));
  assert.deepEqual(
    [one.dtype, one.shape, [...one.data]],
    ["int16", [4, 5], [...stored(set, 8).slice(80, 100)]],
  );

  const back = await prepare({ source: out, destination: join(folder, "back"), unit: "HU" });
  const facts = (one: Dataset) =>
    one.volumes
      .map(({ id, subject, label, count, unit, voxelSha256 }) => [
        id,
        subject,
        label,
        count,
        unit,
        voxelSha256,
      ])
      .sort();
  assert.deepEqual(facts(back), facts(set));
  assert.deepEqual(
    [back.info.classes, back.info.dtype, back.info.range],
    [["a", "b"], "int16", [-1000, 400]],
  );
  assert.deepEqual(readSplit(join(back.directory, "split.json")).parts, split.parts);

  const whole = join(folder, "volumes");
  await writeSlices(set, { destination: whole, volumes: true });
  const volume = await readNpy(join(whole, part, "class_0", "v8.npy"));
  assert.deepEqual([volume.dtype, volume.shape], ["int16", [4, 5, 10]]);
  assert.deepEqual(
    Array.from({ length: 20 }, (_, p) => volume.data[p * 10 + 4]),
    [...stored(set, 8).slice(80, 100)],
  );
  const again = await prepare({ source: whole, destination: join(folder, "again"), unit: "HU" });
  assert.deepEqual(facts(again), facts(set));
  assert.deepEqual(readSplit(join(again.directory, "split.json")).parts, split.parts);
});

test("a mask of the user: the volume is cropped to its box and a margin, and the index records where", async (t) => {
  const folder = temporaryFolder(t);
  const volume = ramp(6);
  await writeNifti(put(join(folder, "ct/class_0/a.nii.gz")), volume);
  const mask: Volume = { ...volume, data: new Uint8Array(120), unit: "arbitrary" };
  mask.data[2 + 5 * (1 + 4 * 3)] = 1;
  await writeNifti(put(join(folder, "masks/class_0/a.nii.gz")), reorient(mask, "LAS"));
  const settings = {
    source: join(folder, "ct"),
    mask: join(folder, "masks"),
    margin: 2,
    depth: "native" as const,
    size: [3, 5] as [number, number],
  };
  const set = await prepare({ ...settings, destination: join(folder, "set") });
  const [record] = set.volumes;
  assert.deepEqual(record?.crop, [0, 5, 0, 3, 2, 5]);
  assert.deepEqual(stored(set, 0), cropTo(volume, { start: [0, 0, 2], end: [5, 3, 5] }).volume.data);
  assert.deepEqual(
    [record?.geometry.origin, record?.original.shape],
    [
      [-7, 11, 46],
      [5, 4, 6],
    ],
  );
  await assert.rejects(
    prepare({ ...settings, mask: join(folder, "ct/none"), destination: join(folder, "x") }),
    /expected a folder of masks/,
  );
  await assert.rejects(
    prepare({ ...settings, crop: "lung", destination: join(folder, "x") }),
    /expected one region, received both lung and a mask/,
  );
});

test("crop lung: the box of findLungs with a margin; a volume without lungs is quarantined with the reason", async (t) => {
  const folder = temporaryFolder(t);
  const plan = planScans({ subjects: 5, seed: 8, minimum: 1, size: 96 }).find(({ label }) => label === 2);
  assert.ok(plan);
  const scan = drawScan(plan, "LPS").volume;
  await writeNifti(put(join(folder, "ct/class_0/chest.nii.gz")), reorient(scan, "RAS"));
  await writeNifti(put(join(folder, "ct/class_1/block.nii.gz")), ramp(6, 1040));
  const set = await prepare({
    source: join(folder, "ct"),
    destination: join(folder, "set"),
    crop: "lung",
    margin: 5,
  });
  const lungs = findLungs(scan);
  assert.ok(lungs.found);
  const { record } = cropTo(scan, lungs.box, { margin: 5 });
  const { start, end } = record.box;
  assert.deepEqual(set.volumes[0]?.crop, [start[0], end[0], start[1], end[1], start[2], end[2]]);
  assert.equal(set.volumes[0]?.extra["lung_litres"], (lungs.totalMl / 1000).toFixed(2));
  assert.match(set.info.quarantined?.[0]?.reason ?? "", /expected lungs to crop to/);
  const body = await prepare({ source: join(folder, "ct"), destination: join(folder, "body"), crop: "body" });
  assert.ok(
    body.volumes
      .find(({ id }) => id === "chest")!
      .crop!.some((n, k) => n !== [0, scan.shape[0], 0, scan.shape[1], 0, scan.shape[2]][k]),
  );
});

test("a MedMNIST archive: volumes, labels, and the official split, as numpy reads them", async (t) => {
  const folder = temporaryFolder(t);
  const file = put(join(folder, "npz/tiny.npz"));
  const code = `
import numpy as np, sys
r = np.random.default_rng(1)
parts = {}
for part, n in (("train", 9), ("val", 4), ("test", 5)):
    parts[part + "_images"] = r.integers(0, 256, (n, 3, 4, 5), dtype=np.uint8)
    parts[part + "_labels"] = (np.arange(n) % 2).astype(np.uint8)[:, None]
np.savez_compressed(sys.argv[1], **parts)
print(",".join(str(int(parts[p + "_images"][i].astype(int).sum())) for p in ("test", "train", "val") for i in range(len(parts[p + "_images"]))))`;
  const made = spawnSync("/usr/bin/python3", ["-c", code, file], { encoding: "utf8" });
  if (made.status !== 0) return t.skip("numpy of /usr/bin/python3 is not installed");
  for (const source of [file, dirname(file)]) {
    const set = await prepare({ source, destination: join(folder, "set"), overwrite: true });
    assert.deepEqual([set.info.dtype, set.info.height, set.info.width, set.info.count], ["uint8", 4, 5, 18]);
    const sums = set.volumes.map((_, k) => Array.from(stored(set, k)).reduce((a, b) => a + b, 0));
    assert.equal(sums.join(), made.stdout.trim());
    const split = readSplit(join(set.directory, "split.json"));
    assert.deepEqual(
      [split.origin, split.parts.train.length, split.parts.val.length, split.parts.test.length],
      ["official", 9, 4, 5],
    );
    assert.deepEqual(split.parts.val, ["val-0000", "val-0001", "val-0002", "val-0003"]);
  }
  assert.deepEqual(readdirSync(folder).sort(), ["npz", "set"], "nothing unpacked is left");
});

const real = join(import.meta.dirname, "../../../../../../shared/data");
const skip = existsSync(real) ? false : "no real data at ../shared/data";

test(
  "each real data set by one command: adrenal glands, DICOM chests and variants, NIfTI (nodules: lidc.test.ts)",
  { skip },
  async (t) => {
    const folder = temporaryFolder(t);
    const counts: Record<string, unknown> = {};
    const labelled = (name: string, rows: string) => {
      writeFileSync(join(folder, `${name}.csv`), `path,label\n${rows}`);
      return join(folder, `${name}.csv`);
    };
    const chests = await prepare({
      source: join(real, "dicom_lung_pet_ct_dx"),
      destination: join(folder, "chests"),
      labels: labelled("chests", "philips_chest_5mm,0\nsiemens_thorax_8mm,1\n"),
      crop: "lung",
      saltFile: salt(folder),
    });
    counts["chests"] = chests.volumes.map(({ original, extra }) => [
      original.shape.join("x"),
      Number(extra["lung_litres"]) > 2,
    ]);
    const nifti = join(real, "nifti_totalsegmentator");
    const files = readdirSync(nifti, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".nii.gz"))
      .sort();
    const scans = await prepare({
      source: nifti,
      destination: join(folder, "nifti"),
      labels: labelled("nifti", files.map((name, k) => `${name},${k % 2}\n`).join("")),
    });
    counts["nifti"] = scans.volumes.length === files.length && files.length > 0;
    const adrenal = await prepare({
      source: join(real, "adrenalmnist3d/adrenalmnist3d.npz"),
      destination: join(folder, "adrenal"),
    });
    counts["adrenal"] = [
      adrenal.info.count,
      adrenal.info.height,
      openDataset(adrenal.directory).volumes.filter(({ part }) => part === "test").length,
    ];
    const uids = [
      "172569766509356512040321185,1",
      "172569766509356227417197937,0",
      "13264727539707046196095999688458856228,0",
    ];
    const variantLabels = join(folder, "variants.csv");
    writeFileSync(
      variantLabels,
      `SeriesInstanceUID,label\n${uids.map((uid) => `1.2.826.0.1.3680043.8.498.${uid}\n`).join("")}`,
    );
    const variants = await prepare({
      source: join(real, "dicom_variants"),
      destination: join(folder, "variants"),
      labels: variantLabels,
      skipUnlabelled: true,
      allowGaps: true,
      saltFile: salt(folder),
    });
    counts["variants"] = [variants.info.count, variants.info.quarantined?.length ?? 0];
    assert.deepEqual(counts, {
      variants: [3, 0],
      chests: [
        ["512x512x64", true],
        ["512x512x30", true],
      ],
      nifti: true,
      adrenal: [1584, 28, 298],
    });
  },
);

function salt(folder: string): string {
  const file = join(folder, "salt");
  writeFileSync(file, "a salt of the tests alone");
  return file;
}

test("an array that cannot be stored unchanged, and one whose header is wrong, are quarantined with the reason", async (t) => {
  const folder = temporaryFolder(t);
  await writeNpy(put(join(folder, "npy/class_0/good.npy")), { data: new Uint8Array(8), shape: [2, 2, 2] });
  await writeNpy(put(join(folder, "npy/class_0/nan.npy")), {
    data: new Float32Array(8).fill(NaN),
    shape: [2, 2, 2],
  });
  writeFileSync(put(join(folder, "npy/class_1/cut.npy")), encodeNpyHeader("uint8", [2, 2, 2]));
  const set = await prepare({ source: join(folder, "npy"), destination: join(folder, "set") });
  assert.deepEqual(
    set.volumes.map(({ id }) => id),
    ["good"],
  );
  const reasons = set.info.quarantined!.map(({ source, reason }) => `${source}: ${reason}`).join("\n");
  assert.match(reasons, /class_0\/nan\.npy: expected finite values/);
  assert.match(reasons, /class_1\/cut\.npy: .*the file holds 0/);
  assert.doesNotMatch(readFileSync(join(set.directory, "dataset.json"), "utf8"), new RegExp(folder));
});
