import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { writeNpy } from "@slicestack/volume/node";
import { writeTable } from "../../src/data/csv.js";
import { prepare } from "../../src/tasks/prepare.js";
import { makeFolds } from "../../src/data/split/folds.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { writeSplit } from "../../src/data/split/split.js";
import { readStored } from "../../src/data/store.js";
import { InspectError } from "../../src/inspect/errors.js";
import { inspect } from "../../src/tasks/inspect.js";
import { layoutOf } from "../../src/inspect/montage.js";
import { inspectText } from "../../src/inspect/inspect-text.js";
import { fakeDataset } from "../data/fake-dataset.js";
import { temporaryFolder } from "../data/temporary.js";
import { decoded, greyOf, part, phantom, preparedSet } from "./support.js";

test("a data set: counts by class and part, sizes, values, recipe; the same in the text", async (t) => {
  const volumes = Object.fromEntries(Array.from({ length: 10 }, (_, k) => [`v${k}`, phantom("LPS", k + 1)]));
  const { dataset } = await preparedSet(temporaryFolder(t), volumes);
  const before = await inspect({ path: dataset.directory });
  assert.ok(before.look.kind === "dataset" && before.look.split === null);
  writeSplit(dataset, makeSplit(dataset, { seed: 1 }));
  const result = await inspect({ path: dataset.directory });
  const { look } = result;
  assert.ok(look.kind === "dataset");
  assert.deepEqual(
    [look.volumes, look.subjects, look.slices, look.height, look.width],
    [10, 10, 120, 24, 32],
  );
  assert.deepEqual(
    [look.depth, look.dtype, look.unit, look.bytes],
    [[12, 12, 12], "int16", "HU", 120 * 24 * 32 * 2],
  );
  assert.deepEqual(
    look.classes.map(({ name, subjects, volumes }) => [name, subjects, volumes]),
    [
      ["well", 5, 5],
      ["ill", 5, 5],
    ],
  );
  const parts = look.classes.map(({ parts }) => parts!);
  assert.deepEqual(
    [parts[0]!.train + parts[1]!.train + parts[0]!.val + parts[1]!.val + parts[0]!.test + parts[1]!.test],
    [10],
  );
  assert.ok(parts.every(({ train, val, test }) => train >= 3 && val >= 1 && test >= 1));
  assert.equal(look.split, "train, val, test by subject, drawn");
  const depths = Object.values(volumes)
    .map(({ shape }) => shape[2])
    .sort((a, b) => a - b);
  assert.deepEqual(look.source.slices, [depths[0], (depths[4]! + depths[5]!) / 2, depths[9]]);
  const all = Float64Array.from(readStored(dataset, 0, 120)).sort();
  assert.deepEqual([look.values.min, look.values.max, look.values.count], [all[0], all.at(-1), all.length]);
  assert.equal(look.values.percentiles["p50"], all[Math.ceil(all.length / 2) - 1]);
  assert.deepEqual(look.recipe["orientation"], "LPS");
  const text = inspectText(result);
  assert.match(text, /set: 10 volumes of 10 subjects, 120 slices/);
  assert.match(text, /class +subjects +volumes +train +val +test\n +well \(0\) +5 +5/);
  writeSplit(dataset, makeFolds(dataset, { seed: 1, folds: 3 }));
  const folds = await inspect({ path: dataset.directory });
  assert.ok(folds.look.kind === "dataset");
  assert.equal(folds.look.split, "3 folds by subject, drawn");
  writeFileSync(join(dataset.directory, "split.json"), "{}");
  const damaged = await inspect({ path: dataset.directory });
  assert.ok(damaged.look.kind === "dataset");
  assert.match(damaged.look.split!, /expected a split/);
});

test("a montage of a data set: the middle slice of each volume, in its order, with its class", async (t) => {
  const folder = temporaryFolder(t);
  const volumes = { a: phantom("LPS", 1), b: phantom("LPS", 2), c: phantom("LPS", 3) };
  const { dataset } = await preparedSet(folder, volumes, { size: [32, 32], depth: 9 });
  const file = join(folder, "m.png");
  await inspect({ path: dataset.directory, montage: file, columns: 3, tile: 32, window: [-1000, 400] });
  const picture = await decoded(readFileSync(file));
  const size = { width: 32, height: 32 };
  const lines = [1, 2, 3, 4, 5].find((n) => layoutOf(3, size, n, 3).height === picture.height)!;
  dataset.volumes.forEach((record, k) => {
    const { x, y } = layoutOf(3, size, lines, 3).tileAt(k);
    const expected = Array.from(readStored(dataset, record.first + 4, 1), (hu) => greyOf(hu, -1000, 400));
    assert.deepEqual(part(picture, x, y, 32, 32), expected, record.id);
  });
});

test("one volume by its id: what the index says, and the stored slices; what needs one volume asks for it", async (t) => {
  const folder = temporaryFolder(t);
  const { dataset } = await preparedSet(folder, { a: phantom(), b: phantom("LPS", 2) }, { crop: "lung" });
  // A split of another data set is told as such, and not used.
  const others = Array.from({ length: 10 }, (_, k): [string, string, number] => [`x${k}`, `x${k}`, k % 2]);
  writeSplit(dataset, makeSplit(fakeDataset(others), { seed: 1 }));
  const whole = await inspect({ path: dataset.directory });
  assert.ok(whole.look.kind === "dataset" && whole.look.split === "of another data set");
  const path = dataset.directory;
  const { look } = await inspect({ path, id: "b" });
  assert.ok(look.kind === "volume");
  const [, record] = dataset.volumes;
  assert.deepEqual([look.name, look.shape, look.spacing], ["b", [32, 24, 12], record!.geometry.spacing]);
  assert.deepEqual(
    [look.facts["subject"], look.facts["class"], look.facts["source"]],
    ["s1", "ill (1)", "b.nii.gz"],
  );
  assert.equal(look.facts["slices"], "12 to 23 of slices.npy");
  assert.match(look.facts["crop"]!, /^x \d+ to \d+, y \d+ to \d+, z \d+ to \d+ \(ends excluded\)$/);
  const stored = Float64Array.from(readStored(dataset, 12, 12)).sort();
  assert.deepEqual([look.values.min, look.values.max], [stored[0], stored.at(-1)]);
  const refused = (options: object, message: RegExp) =>
    assert.rejects(
      inspect({ path, ...options }),
      (error) => error instanceof InspectError && message.test(error.message),
    );
  await refused({ id: "c" }, /no volume has the id c.*a, b/s);
  await refused({ animation: join(folder, "f.gif") }, /animation: expected one volume.*--id/s);
  await refused({ source: join(folder, "scans") }, /source: expected one volume.*--id/s);
  await refused({ series: "thinnest" }, /prepared data set/);
  await assert.rejects(inspect({ path: join(folder, "scans"), source: "x" }), /expected a prepared data set/);
});

test("quarantined volumes are listed with their reasons; fractions are counted too", async (t) => {
  const folder = temporaryFolder(t);
  const source = join(folder, "arrays");
  mkdirSync(source);
  const values = Float32Array.from({ length: 5 * 6 * 4 }, (_, i) => i / 119);
  for (const id of ["a", "b"]) await writeNpy(join(source, `${id}.npy`), { data: values, shape: [5, 6, 4] });
  await writeNpy(join(source, "bad.npy"), { data: Float32Array.from(values, () => NaN), shape: [5, 6, 4] });
  writeTable(
    join(source, "labels.csv"),
    ["id", "label"],
    ["a", "b", "bad"].map((id, k) => ({ id, label: k % 2 })),
  );
  const dataset = await prepare({ source, destination: join(folder, "set") });
  const result = await inspect({ path: dataset.directory });
  assert.ok(result.look.kind === "dataset");
  assert.deepEqual(
    result.look.quarantined.map(({ source }) => source),
    ["bad.npy"],
  );
  assert.deepEqual([result.look.values.min, result.look.values.max, result.look.values.count], [0, 1, 240]);
  assert.match(inspectText(result), /1 quarantined\n {2}bad\.npy: .*NaN/);
});
