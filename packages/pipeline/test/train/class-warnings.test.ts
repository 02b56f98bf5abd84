import assert from "node:assert/strict";
import { test } from "node:test";
import type { TaskVolume } from "../../src/data/task.js";
import { classWarnings } from "../../src/train/class-warnings.js";

const volumes = (...counts: number[]) =>
  counts.flatMap((count, label) => Array.from({ length: count }, () => ({ label }) as TaskVolume));
const classes = {
  count: 3,
  names: ["CT-0", "CT-1", "CT-4"],
  ordinal: false,
  mapping: new Map<number, number>(),
};

test("classes with fewer than 10 training volumes, and those with none in val, are named in one line each, with a remedy", () => {
  const remedy = "; merge classes with task.class_mapping, or exclude some with task.classes_to_include";
  const warned = (train: number[], val: number[]) =>
    classWarnings({ classes, parts: { train: volumes(...train), val: volumes(...val), test: [] } });
  assert.deepEqual(warned([10, 200, 10], [1, 30, 2]), []);
  assert.deepEqual(warned([9, 200, 0], [2, 3, 1]), [
    `warning: fewer than 10 training volumes of CT-0 (9), CT-4 (0)${remedy}`,
  ]);
  assert.deepEqual(warned([10, 200, 1], [2, 0, 0]), [
    `warning: fewer than 10 training volumes of CT-4 (1)${remedy}`,
    `warning: the validation set, which chooses the epoch, has no volume of CT-1, CT-4${remedy}`,
  ]);
});
