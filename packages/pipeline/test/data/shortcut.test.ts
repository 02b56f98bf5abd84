import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { generatePhantoms } from "../../src/data/phantom.js";
import { prepare } from "../../src/data/prepare.js";
import type { VolumeRecord } from "../../src/data/store.js";
import { temporaryFolder } from "./temporary.js";

/** Chance that a random member of the second group has a larger value than one of the first (Mann-Whitney). */
function auc(first: number[], second: number[]): number {
  let wins = 0;
  for (const a of first) for (const b of second) wins += b > a ? 1 : b === a ? 0.5 : 0;
  return wins / (first.length * second.length);
}

test("no shortcut over 100 subjects: mean lung HU, slice count and spacing hardly tell CT-0 from CT-1 and worse", async (t) => {
  const folder = temporaryFolder(t);
  const source = join(folder, "ct");
  await generatePhantoms({ destination: source, seed: 17, counts: [40, 40, 20, 0, 0], size: 48 });
  const { volumes } = await prepare({ source, destination: join(folder, "set"), size: [48, 48], depth: "native" });
  const of = (labels: number[], value: (record: VolumeRecord) => number) =>
    volumes.filter((record) => labels.includes(record.label)).map(value);
  const tell = (value: (record: VolumeRecord) => number, sick: number[]) => auc(of([0], value), of(sick, value));
  assert.ok(volumes.every((record) => record.meanLungHu !== null));
  const hu = (record: VolumeRecord) => record.meanLungHu ?? NaN;
  const lungs = volumes.map(hu);
  assert.ok(Math.min(...lungs) > -960 && Math.max(...lungs) < -400, `${Math.min(...lungs)}..${Math.max(...lungs)} HU`);
  assert.ok(tell(hu, [1]) < 0.75, `mean lung HU, CT-0 against CT-1: AUC ${tell(hu, [1])}`);
  assert.ok(tell(hu, [2]) < 0.95, `mean lung HU, CT-0 against CT-2: AUC ${tell(hu, [2])}`);
  // With 40 against 60 the standard error of an AUC of 0.5 is 0.06.
  const free: [string, (record: VolumeRecord) => number][] = [
    ["slice count", (record) => record.originalShape[2]],
    ["slice spacing", (record) => record.originalSpacing[2]],
    ["pixel spacing", (record) => record.originalSpacing[0]],
    ["scan length", (record) => record.originalShape[2] * record.originalSpacing[2]],
  ];
  for (const [name, value] of free) {
    const found = tell(value, [1, 2]);
    assert.ok(Math.abs(found - 0.5) < 0.2, `${name}, CT-0 against the sick: AUC ${found}`);
  }
});
