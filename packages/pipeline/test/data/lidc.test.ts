import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readNpy } from "@slicestack/volume/node";
import { readTable } from "../../src/data/csv.js";
import { prepare } from "../../src/tasks/prepare.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { checkSplit } from "../../src/data/split/split.js";
import type { Part } from "../../src/data/split/parts.js";
import { temporaryFolder } from "./temporary.js";

/** ../shared/data beside the repository; this file runs from packages/pipeline/dist/test/data. */
const source = fileURLToPath(new URL("../../../../../../shared/data/lidc_nodules", import.meta.url));

test("LIDC nodules: 882 volumes of 494 subjects, slice counts of labels.csv, values of the source arrays, no subject in two parts", async (t) => {
  if (!existsSync(source)) return t.skip("../shared/data/lidc_nodules is not there");
  const dataset = await prepare({ source, destination: join(temporaryFolder(t), "lidc") });
  const { info, volumes } = dataset;
  assert.deepEqual(
    [info.dtype, info.unit, info.height, info.width, info.depth],
    ["uint8", "arbitrary", 64, 64, "native"],
  );
  assert.deepEqual(info.classes, ["class_0", "class_1"]);
  assert.deepEqual(info.quarantined, []);
  assert.equal(volumes.length, 882);
  assert.equal(new Set(volumes.map((volume) => volume.subject)).size, 494);
  const rows = new Map(
    readTable(join(source, "labels.csv")).rows.map((row) => [row.values["path"], row.values]),
  );
  for (const volume of volumes) {
    const row = rows.get(volume.source);
    assert.deepEqual(
      [volume.subject, volume.label, volume.count],
      [row?.["subject"], Number(row?.["label"]), Number(row?.["slices"])],
    );
  }
  const slices = await readNpy(dataset.slicesPath);
  const wrong: string[] = [];
  for (const { source: path, first, count } of volumes) {
    const array = await readNpy(join(source, path));
    for (let i = 0; i < 64 * 64; i++) {
      for (let s = 0; s < count; s++) {
        if (array.data[i * count + s] !== slices.data[(first + s) * 4096 + i])
          wrong.push(`${path} ${i} ${s}`);
      }
    }
  }
  assert.deepEqual(wrong.slice(0, 5), []);
  const split = makeSplit(dataset, { seed: 1 });
  checkSplit(split, dataset);
  const partsOf = new Map<string, Set<Part>>();
  for (const part of ["train", "val", "test"] as const) {
    for (const id of split.parts[part]) {
      const subject = volumes.find((volume) => volume.id === id)?.subject ?? "";
      partsOf.set(subject, (partsOf.get(subject) ?? new Set()).add(part));
    }
  }
  assert.equal(partsOf.size, 494);
  assert.ok([...partsOf.values()].every((parts) => parts.size === 1));
  assert.deepEqual(split.warnings, []);
});
