/** Geometry: against torchvision's formulas, SciPy, and cases that can be seen without a calculation. */
import assert from "node:assert/strict";
import { cat, rand } from "@slicestack/torch";
import "../../src/models/catalogue.js";
import { Random } from "@slicestack/stats";
import { augmentSlices, augmentVolumes } from "../../src/augment/augment.js";
import type { AffineDraw } from "../../src/augment/affine.js";
import type { Sides } from "../../src/augment/transform.js";
import type { ElasticDraw } from "../../src/augment/elastic.js";
import { displacements, drawElastic } from "../../src/augment/elastic.js";
import { joinWarp, warp } from "../../src/augment/warp.js";
import { augmentPresets } from "../../src/config/augment.js";
import { leakFree } from "../models/support.js";
import { brightest, closeTo, fixture, marked, only, sample } from "./support.js";

interface Case {
  name: string;
  size: number[];
  draw: AffineDraw;
  input: number[];
  output: number[];
}
interface VolumeCase extends Case {
  spacing?: number[];
  intervals?: number;
  moves?: number[];
}

function warped(c: VolumeCase, elastic: ElasticDraw | null) {
  const [height = 1, width = 1, ...depth] = c.size;
  const sides: Sides = [width, height, ...depth].map((side, axis) => side * (c.spacing?.[axis] ?? 1));
  return warp(sample(c.input, c.size), joinWarp([c.draw], [elastic], [sides]));
}

for (const c of fixture<Case>("affine")) {
  leakFree(`slices, ${c.name}: equals torchvision's formulas step by step (fixtures/augment/affine.py)`, () =>
    closeTo(warped(c, null), c.output, 1e-10, c.name),
  );
}

for (const c of fixture<VolumeCase>("volume")) {
  leakFree(`${c.name}: equals SciPy's resampling (fixtures/augment/volume.py)`, () => {
    const { intervals = 0, moves } = c;
    const elastic = moves === undefined ? null : { intervals, moves: Float64Array.from(moves) };
    closeTo(warped(c, elastic), c.output, 1e-10, c.name);
  });
}

/** Applies a range of no width, so that the draw is known. */
const turned = (degrees: number) => only("rotation", { degrees: [degrees, degrees], tilt: [0, 0] });

leakFree("a turn by 90 degrees moves a pixel counter-clockwise: right of the middle to above it", () => {
  const out = augmentSlices(marked(5, 5, 2, 4), turned(90), new Random(1));
  assert.deepEqual(brightest(out), [0, 2]);
  assert.ok(Math.abs(out.sum().item() - 1) < 1e-9);
});

leakFree("four turns by 90 degrees of a square slice give it back", () => {
  const x = rand([2, 3, 6, 6], { dtype: "float64" });
  const turn = turned(90);
  let out = x;
  for (let k = 0; k < 4; k++) out = augmentSlices(out, turn, new Random(k));
  assert.ok(out.sub(x).abs().max().item() < 1e-12);
});

leakFree("a translation by a fifth of ten pixels moves a pixel two to the right and two down", () => {
  const config = only("translation", { share: [0.2, 0.2] });
  assert.deepEqual(brightest(augmentSlices(marked(10, 10, 3, 4), config, new Random(1))), [5, 6]);
});

leakFree(
  "a slant by 45 degrees moves the rows below the middle to the left, by as much as they lie below it",
  () => {
    const config = only("shear", { degrees: [45, 45] });
    assert.deepEqual(brightest(augmentSlices(marked(9, 9, 4, 4), config, new Random(1))), [4, 4]);
    assert.deepEqual(brightest(augmentSlices(marked(9, 9, 6, 4), config, new Random(1))), [6, 2]);
  },
);

leakFree(
  "a crop to a quarter of the area shows a part at twice the size, of which nothing is lost inside",
  () => {
    const config = only("crop", { area: [0.25, 0.25], aspect: [1, 1] });
    const bright = augmentSlices(rand([4, 1, 16, 16]).mul(0).add(1), config, new Random(3));
    // The outermost pixels may lie half a pixel beyond the last centre, where air is mixed in.
    assert.ok(
      bright.narrow(2, 1, 14).narrow(3, 1, 14).amin().item() > 0.999,
      "the crop lies within the slice",
    );
    assert.ok(bright.amin().item() > 0.5);
    const halves = cat([rand([1, 1, 16, 8]).mul(0), rand([1, 1, 16, 8]).mul(0).add(1)], 3);
    const seen = augmentSlices(halves.repeat(40, 1, 1, 1), config, new Random(4))
      .mean([1, 2, 3])
      .toArray();
    assert.ok(Math.min(...seen) < 0.2 && Math.max(...seen) > 0.8, "crops lie left and right");
  },
);

leakFree("a tilt by 90 degrees from y towards z makes the last row of the last slice", () => {
  const last = Array.from({ length: 125 }, (_, k) => (k === 2 * 25 + 2 * 5 + 4 ? 1 : 0)); // row 2, column 2, slice 4
  const out = warp(sample(last, [5, 5, 5]), joinWarp([{ rotation: [0, 90, 0] }], [null], [[5, 5, 5]]));
  assert.deepEqual(brightest(out), [4, 2, 2]);
});

leakFree("the middle of a turned volume keeps its shape in mm: thick slices count by their spacing", () => {
  // A rod along x of 8 mm, 2 mm a pixel; slices of 4 mm: turned into z it spans half as many slices as it did pixels.
  const size = [9, 9, 9];
  const rod = [...new Array<number>(729)].map((_, k) => {
    const [h, w, d] = [Math.floor(k / 81), Math.floor(k / 9) % 9, k % 9];
    return h === 4 && d === 4 && w >= 2 && w <= 6 ? 1 : 0;
  });
  const sides: Sides[] = [[18, 18, 36]];
  const out = warp(sample(rod, size), joinWarp([{ rotation: [0, 0, 90] }], [null], sides));
  const along = out.select(2, 4).select(2, 4).toArray();
  assert.deepEqual(
    along.map((value) => Math.round(value * 1e6) / 1e6),
    [0, 0, 0, 1, 1, 1, 0, 0, 0],
  );
});

leakFree("identity is exact to the bit: no transform, and samples that no draw meets", () => {
  const x = rand([6, 2, 17, 13]);
  assert.deepEqual(augmentSlices(x, augmentPresets().none, new Random(1)).toArray(), x.toArray());
  const config = only("rotation", { probability: 0.5 });
  const out = augmentSlices(x, config, new Random(2));
  const same = Array.from({ length: 6 }, (_, k) => out.select(0, k).sub(x.select(0, k)).abs().max().item());
  const kept = same.filter((difference) => difference === 0).length;
  assert.ok(kept > 0 && kept < 6, `${kept} of 6 untouched`);
});

leakFree("flips are exact to the bit and act on the axis that they name", () => {
  const x = rand([3, 2, 5, 7, 4]);
  const flipped = (keys: object) => augmentVolumes(x, only("flip", keys), new Random(1)).toArray();
  assert.deepEqual(flipped({ horizontal: 1 }), x.flip(3).toArray());
  assert.deepEqual(flipped({ vertical: 1 }), x.flip(2).toArray());
  assert.deepEqual(flipped({ slices: 1 }), x.flip(4).toArray());
  assert.deepEqual(flipped({ horizontal: 1, vertical: 1, slices: 1 }), x.flip(2, 3, 4).toArray());
});

leakFree("outside of a slice is air, 0, and never what a mirror would show", () => {
  const x = rand([4, 1, 16, 16]).add(0.5).clamp(0, 1);
  const out = augmentSlices(x, only("translation", { share: [0.5, 0.5] }), new Random(1));
  assert.equal(out.narrow(2, 0, 7).abs().max().item(), 0);
  assert.equal(out.narrow(3, 0, 7).abs().max().item(), 0);
});

leakFree(
  "at the largest displacement that is allowed no elastic field folds, in two and three dimensions",
  () => {
    for (const size of [
      [40, 40],
      [24, 24, 24],
    ]) {
      const { elastic: config } = only("elastic", { displacement: [0.4, 0.4], intervals: 4 });
      assert.ok(config !== null);
      const draws = drawElastic(config, 6, size.length, new Random(7)).filter((draw) => draw !== null);
      const like = rand([6, 1, ...size], { dtype: "float64" });
      const field = displacements(draws, like);
      // Neighbours in the coordinates of the grid are 2 / size apart.
      const step = 2 / (size[0] ?? 1);
      const slopes = size.map((_, axis) => {
        const n = size[axis] ?? 1;
        const ahead = field
          .narrow(axis + 1, 1, n - 1)
          .sub(field.narrow(axis + 1, 0, n - 1))
          .div(step);
        return size.reduce((part, _size, other) => part.narrow(other + 1, 0, (size[other] ?? 1) - 1), ahead);
      });
      // Component k of the field runs along axis dims - 1 - k.
      const dims = size.length;
      const J = (row: number, axis: number) =>
        (slopes[axis] ?? like).select(dims + 1, dims - 1 - row).add(row === axis ? 1 : 0);
      const minor = (a: number, b: number, c: number, d: number) =>
        J(a, c)
          .mul(J(b, d))
          .sub(J(a, d).mul(J(b, c)));
      const determinant =
        dims === 2
          ? minor(0, 1, 0, 1)
          : J(0, 0)
              .mul(minor(1, 2, 1, 2))
              .sub(J(0, 1).mul(minor(1, 2, 0, 2)))
              .add(J(0, 2).mul(minor(1, 2, 0, 1)));
      assert.ok(determinant.min().item() > 0, `${dims}D: ${determinant.min().item()}`);
    }
  },
);
