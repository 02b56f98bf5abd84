import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { generatePhantoms } from "../../src/data/phantom.js";
import { prepare } from "../../src/tasks/prepare.js";
import { shortcutBaseline } from "../../src/evaluate/baselines/shortcut.js";
import type { VolumeRecord } from "../../src/data/volume-record.js";
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
  const { volumes } = await prepare({
    source,
    destination: join(folder, "set"),
    size: [48, 48],
    depth: "native",
  });
  const of = (labels: number[], value: (record: VolumeRecord) => number) =>
    volumes.filter((record) => labels.includes(record.label)).map(value);
  const tell = (value: (record: VolumeRecord) => number, sick: number[]) =>
    auc(of([0], value), of(sick, value));
  assert.ok(volumes.every((record) => record.meanLungHu !== null));
  const hu = (record: VolumeRecord) => record.meanLungHu ?? NaN;
  const lungs = volumes.map(hu);
  assert.ok(
    Math.min(...lungs) > -960 && Math.max(...lungs) < -400,
    `${Math.min(...lungs)}..${Math.max(...lungs)} HU`,
  );
  assert.ok(tell(hu, [1]) < 0.75, `mean lung HU, CT-0 against CT-1: AUC ${tell(hu, [1])}`);
  assert.ok(tell(hu, [2]) < 0.95, `mean lung HU, CT-0 against CT-2: AUC ${tell(hu, [2])}`);
  // With 40 against 60 the standard error of an AUC of 0.5 is 0.06.
  const free: [string, (record: VolumeRecord) => number][] = [
    ["slice count", (record) => record.original.shape[2]],
    ["slice spacing", (record) => record.original.spacing[2]],
    ["pixel spacing", (record) => record.original.spacing[0]],
    ["scan length", (record) => record.original.shape[2] * record.original.spacing[2]],
  ];
  for (const [name, value] of free) {
    const found = tell(value, [1, 2]);
    assert.ok(Math.abs(found - 0.5) < 0.2, `${name}, CT-0 against the sick: AUC ${found}`);
  }
});

test("no shortcut over five classes: the shortcut regression does not come near the grades on unseen subjects", async (t) => {
  const folder = temporaryFolder(t);
  const source = join(folder, "ct");
  await generatePhantoms({ destination: source, seed: 5, counts: [24, 24, 24, 24, 24], size: 48 });
  const { volumes } = await prepare({
    source,
    destination: join(folder, "set"),
    size: [48, 48],
    depth: "native",
  });
  const half = (odd: number) => volumes.filter(({ subject }) => Number(subject.slice(1)) % 2 === odd);
  const recalls = [0, 1].flatMap((odd) => {
    const [train, test] = [half(odd), half(1 - odd)];
    const fit = { volumes: train, labels: train.map(({ label }) => label) };
    const guessed = shortcutBaseline(fit, test, 5).probabilities.map((row) => row.indexOf(Math.max(...row)));
    return [0, 1, 2, 3, 4].map((label) => {
      const hits = test.map((volume, k) => (volume.label === label ? Number(guessed[k] === label) : null));
      const known = hits.filter((hit) => hit !== null);
      return known.reduce((sum, hit) => sum + hit, 0) / known.length;
    });
  });
  const balanced = recalls.reduce((a, b) => a + b) / recalls.length;
  // Chance is 0.2. Disease does make lungs denser, so the regression is above it; the grade is not to be had that way.
  assert.ok(balanced < 0.45, `balanced accuracy ${balanced}`);
});
