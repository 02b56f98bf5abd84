/** Which volumes a group explains: none that any of its members was trained on, wherever the data set lies. */
import assert from "node:assert/strict";
import { cpSync, renameSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { makeFolds } from "../../src/data/split/folds.js";
import type { Split } from "../../src/data/split/split.js";
import { writeSplit } from "../../src/data/split/split.js";
import { openDataset } from "../../src/data/store.js";
import { RunError } from "../../src/run/folder.js";
import { trainGroup } from "../../src/study/train-group.js";
import { openExplained } from "../../src/tasks/explained-data.js";
import { scratch, smallConfig, smallDataset } from "../train/support.js";

const folder = scratch();
let data = "";
before(async () => {
  data = await smallDataset(folder);
});

async function groupOf(name: string, options: { folds: number; test?: number }) {
  const [copy, group] = [join(folder, `${name} data`), join(folder, name)];
  cpSync(data, copy, { recursive: true });
  const folds = makeFolds(openDataset(copy), { seed: 0, ...options });
  writeSplit(openDataset(copy), folds);
  const config = smallConfig({ method: "2d", "slice.epochs": "1", threads: "1" });
  await trainGroup({ config, data: copy, out: group, fold: "all" });
  return { copy, group, folds };
}

const sorted = (ids: readonly string[]): string[] => [...ids].sort();
const idsOf = (volumes: readonly { id: string }[] | undefined): string[] =>
  sorted((volumes ?? []).map(({ id }) => id));
const seenBy = ({ parts }: Split): string[] => [...parts.train, ...parts.val];

test("folds with one test set: it is what --data gives, for the data set in its place, and for one that was moved", async () => {
  const { copy, group, folds } = await groupOf("shared", { folds: 2, test: 0.3 });
  const expected = sorted(folds[0]!.parts.test);
  assert.deepEqual(idsOf((await openExplained({ run: group })).parts.test), expected);
  const there = await openExplained({ run: group, data: copy });
  assert.deepEqual([idsOf(there.parts.all), there.split], [expected, null]);
  const moved = join(folder, "moved");
  renameSync(copy, moved);
  const own = await openExplained({ run: group, data: moved });
  assert.deepEqual([idsOf(own.parts.test), own.parts.all], [expected, undefined]);
  assert.equal(own.models.length, 2);
});

test("folds without a shared test set: --data does not give the test set of the first, on which others were trained", async () => {
  const { copy, group, folds } = await groupOf("apart", { folds: 3 });
  const first = folds[0]!.parts.test;
  assert.ok(folds.slice(1).every((fold) => first.some((id) => seenBy(fold).includes(id))));
  await assert.rejects(openExplained({ run: group, data: copy }), (error) => {
    assert.ok(error instanceof RunError);
    assert.match(error.message, /was seen in the training of one of its 3 members\. Choose another data set/);
    return true;
  });
  const moved = join(folder, "moved apart");
  renameSync(copy, moved);
  await assert.rejects(
    openExplained({ run: group, data: moved }),
    /no test volume that all its members share/,
  );
});
