/** Class weights, mixing of slices, and slice labels by the chance that they show the finding. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cat, fromTypedArray, ones, rand, type Tensor } from "@slicestack/torch";
import { Random } from "@slicestack/stats";
import "../../../src/models/catalogue.js";
import {
  configuredWeights,
  effectiveWeights,
  inverseWeights,
} from "../../../src/train/losses/class-weights.js";
import { mixSlices } from "../../../src/train/losses/mixing.js";
import { showingWeights, SliceLabels } from "../../../src/train/losses/slice-labels.js";
import { leakFree } from "../../models/support.js";

const labels = [...new Array<number>(90).fill(0), ...new Array<number>(9).fill(1), 3];
const closeTo = (found: readonly number[], expected: readonly number[], tolerance = 1e-12) =>
  assert.ok(
    found.length === expected.length &&
      found.every((x, k) => Math.abs(x - (expected[k] ?? NaN)) <= tolerance),
    `${found.join(" ")}, expected ${expected.join(" ")}`,
  );

test("inverse frequency: n / (K n_k), 1 for an absent class (by hand)", () => {
  closeTo(inverseWeights(labels, 4), [100 / 360, 100 / 36, 1, 25]);
});

test("effective number (Cui 2019, by hand for beta 0.9): 1 / E_k with mean 1 over the present classes", () => {
  const raw = [90, 9, 1].map((n) => 0.1 / (1 - 0.9 ** n));
  const mean = (raw[0]! + raw[1]! + raw[2]!) / 3;
  closeTo(effectiveWeights(labels, 4, 0.9), [raw[0]! / mean, raw[1]! / mean, 1, raw[2]! / mean]);
});

test("effective number: beta 0 weights all classes equally, beta near 1 by inverse frequency", () => {
  closeTo(effectiveWeights(labels, 4, 0), [1, 1, 1, 1]);
  const [a = NaN, b = NaN, , d = NaN] = effectiveWeights(labels, 4, 1 - 1e-9);
  closeTo([b / a, d / a], [10, 90], 1e-4);
});

test("the config chooses: no weights, inverse, or effective", () => {
  const settings = { weightedLoss: true, classWeights: "inverse", effectiveBeta: 0.9 } as const;
  assert.equal(configuredWeights({ ...settings, weightedLoss: false }, labels, 4), null);
  assert.deepEqual(configuredWeights(settings, labels, 4), inverseWeights(labels, 4));
  const effective = configuredWeights({ ...settings, classWeights: "effective" }, labels, 4);
  assert.deepEqual(effective, effectiveWeights(labels, 4, 0.9));
});

interface Quantiles {
  alpha: number;
  levels: number[];
  quantiles: number[];
}
const url = new URL("../../../../../../fixtures/losses/draws.json", import.meta.url);
for (const { alpha, levels, quantiles } of JSON.parse(readFileSync(url, "utf8")) as Quantiles[]) {
  test(`20000 Beta(${alpha}, ${alpha}) draws have SciPy's quantiles (fixtures/losses/draws.py)`, () => {
    const random = new Random(17);
    const draws = Array.from({ length: 20000 }, () => random.beta(alpha));
    assert.ok(draws.every((draw) => draw >= 0 && draw <= 1));
    levels.forEach((level, k) => {
      const below = draws.filter((draw) => draw <= (quantiles[k] ?? NaN)).length / draws.length;
      assert.ok(Math.abs(below - level) < 0.012, `${level}: ${below}`); // three standard errors at one half
    });
  });
}

test("a Beta parameter too small for the floating-point range still gives shares", () => {
  const random = new Random(3);
  assert.ok(Array.from({ length: 200 }, () => random.beta(0.001)).every((draw) => draw >= 0 && draw <= 1));
});

/** Slices filled with the value k, and one-hot labels, so that the origin of each value is visible. */
function batchOf(count: number, [height, width]: [number, number]): { unit: Tensor; target: Tensor } {
  const slices = Array.from({ length: count }, (_, k) =>
    ones([1, 2, height, width], { dtype: "float64" }).mul(k),
  );
  const target = new Float64Array(count * count);
  for (let k = 0; k < count; k++) target[k * count + k] = 1;
  return { unit: cat(slices), target: fromTypedArray(target, [count, count]) };
}
/** The mean of the pixels' origins by the labels' mass. */
const expected = (mass: readonly number[]) => mass.reduce((sum, share, k) => sum + share * k, 0);

for (const [name, settings] of [
  ["mixup", { mixup: 0.5, cutmix: 0 }],
  ["cutmix", { mixup: 0, cutmix: 1 }],
] as const) {
  leakFree(`${name}: labels are mixed in proportion to the pixels, rows keep their mass`, () => {
    const { unit, target } = batchOf(8, [13, 17]);
    const { unit_BCHW, target_BK } = mixSlices(unit, target, settings, new Random(4));
    assert.deepEqual(
      [unit_BCHW.shape, target_BK.shape],
      [
        [8, 2, 13, 17],
        [8, 8],
      ],
    );
    const mass = target_BK.toArray();
    const means = unit_BCHW.mean([1, 2, 3]).toArray();
    const partners = new Set<number>();
    for (let b = 0; b < 8; b++) {
      const row = mass.slice(8 * b, 8 * b + 8);
      closeTo([row.reduce((a, x) => a + x, 0), means[b] ?? NaN], [1, expected(row)]);
      assert.ok(row.filter((share) => share > 0).length <= 2);
      row.forEach((share, k) => void (k !== b && share > 0 && partners.add(k)));
    }
    assert.ok(partners.size >= 4, "partners differ");
  });

  leakFree(
    `${name}: the stream alone decides; samples that count less keep counting less; a batch of one stays`,
    () => {
      const { unit, target } = batchOf(6, [8, 8]);
      const run = (seed: number) => mixSlices(unit, target, settings, new Random(seed)).unit_BCHW.toArray();
      assert.deepEqual(run(5), run(5));
      assert.notDeepEqual(run(5), run(6));
      const light = mixSlices(unit, target.mul(0.25), settings, new Random(5)).target_BK;
      closeTo(
        light.toArray(),
        mixSlices(unit, target, settings, new Random(5)).target_BK.mul(0.25).toArray(),
      );
      const single = batchOf(1, [8, 8]);
      const alone = mixSlices(single.unit, single.target, settings, new Random(1));
      closeTo(alone.unit_BCHW.toArray(), single.unit.toArray());
      closeTo(alone.target_BK.toArray(), [1]);
    },
  );
}

leakFree(
  "cutmix exchanges one box, the same in all channels, and pixels are of one slice or the other",
  () => {
    const { unit, target } = batchOf(2, [16, 16]);
    for (let seed = 0; seed < 20; seed++) {
      const { unit_BCHW } = mixSlices(unit, target, { mixup: 0, cutmix: 1 }, new Random(seed));
      const foreign = unit_BCHW.select(0, 0); // slice 0 is 0 all over
      assert.deepEqual(foreign.select(0, 0).toArray(), foreign.select(0, 1).toArray());
      const plane = foreign.select(0, 0);
      assert.ok(plane.toArray().every((value) => value === 0 || value === 1));
      const [rows, columns] = [plane.amax(1).sum().item(), plane.amax(0).sum().item()];
      assert.equal(plane.sum().item(), rows * columns, "a box");
    }
  },
);

leakFree("both on: batches use one or the other; both off: they are unchanged", () => {
  const { unit, target } = batchOf(4, [8, 8]);
  const cuts = Array.from({ length: 200 }, (_, seed) => {
    const { unit_BCHW } = mixSlices(unit, target, { mixup: 1, cutmix: 1 }, new Random(seed).fork("mix"));
    return unit_BCHW.toArray().every((value) => Number.isInteger(value));
  }).filter(Boolean).length;
  assert.ok(cuts > 70 && cuts < 130, `${cuts} of 200 are cutmix`);
  const off = mixSlices(unit, target, { mixup: 0, cutmix: 0 }, new Random(1));
  assert.equal(off.unit_BCHW, unit);
  assert.equal(off.target_BK, target);
});

leakFree("mixup gives no gradient to the slices", () => {
  const { target } = batchOf(2, [4, 4]);
  const mixed = mixSlices(
    rand([2, 1, 4, 4], { dtype: "float64" }).requiresGrad_(),
    target,
    { mixup: 1, cutmix: 0 },
    new Random(1),
  );
  assert.equal(mixed.unit_BCHW.requiresGrad, false);
});

test("the E step of one volume: the best slice counts fully, others in proportion to it, none less than the floor", () => {
  closeTo(showingWeights([0.8, 0.4, 0.04, 0], 0.1), [1, 0.5, 0.1, 0.1]);
  closeTo(showingWeights([0.02, 0.01], 0.1), [1, 0.5]);
  closeTo(showingWeights([0, 0], 0.1), [1, 1]);
  closeTo(showingWeights([0.3], 0.5), [1]);
});

leakFree(
  "only volumes with a finding are classified, each for its class; the weights are restored from a checkpoint",
  () => {
    const volumes = [
      { first: 0, count: 2, label: 0 },
      { first: 2, count: 2, label: 2 },
      { first: 4, count: 3, label: 1 },
    ];
    const labels = new SliceLabels(7, 0.2);
    const upTo = (count: number) => Array.from({ length: count }, (_, index) => ({ index }));
    assert.deepEqual(labels.of(upTo(7)), [1, 1, 1, 1, 1, 1, 1]);
    const asked: number[] = [];
    const slicesOf = ({ first, count }: (typeof volumes)[number]) =>
      Array.from({ length: count }, (_, k) => first + k);
    labels.expect(volumes, slicesOf, (indices) => {
      asked.push(...indices);
      return [[0, 0, 0.6], [0.9, 0.1, 0.3], [0, 0.5, 0.5], [0.9, 0.1, 0], [0, 1, 0]]; // prettier-ignore
    });
    assert.deepEqual(asked, [2, 3, 4, 5, 6]);
    closeTo(labels.of(upTo(7)), [1, 1, 1, 0.5, 0.5, 0.2, 1], 1e-7);
    const again = new SliceLabels(7, 0.2);
    again.restore(labels.tensors());
    assert.deepEqual(again.of(upTo(7)), labels.of(upTo(7)));
  },
);
