import assert from "node:assert/strict";
import { test } from "node:test";
import type { TaskVolume } from "../../src/data/task.js";
import { classWarnings } from "../../src/train/class-warnings.js";

const volumes = (...counts: number[]) =>
  counts.flatMap((count, label) => Array.from({ length: count }, () => ({ label }) as TaskVolume));
const classes = { count: 3, names: ["CT-0", "CT-1", "CT-4"], ordinal: false, mapping: new Map<number, number>() };

test("a class with fewer than 10 training volumes, or none in val, is named with both counts and a remedy", () => {
  const remedy = "; merge it with another class by task.class_mapping, or leave it out by task.classes_to_include";
  const warned = (train: number[], val: number[]) =>
    classWarnings({ classes, parts: { train: volumes(...train), val: volumes(...val), test: [] } });
  assert.deepEqual(warned([10, 200, 10], [1, 30, 2]), []);
  assert.deepEqual(warned([9, 200, 1], [2, 0, 0]), [
    `warning: class CT-0 has 9 training volumes, fewer than 10${remedy}`,
    `warning: class CT-1 has none in the validation set, which chooses the epoch${remedy}`,
    `warning: class CT-4 has 1 training volume, fewer than 10, and none in the validation set, which chooses the epoch${remedy}`,
  ]);
});
