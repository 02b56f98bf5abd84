/** What changes values: blur, noise, the jittered window, intensity, erasing. */
import assert from "node:assert/strict";
import { getGeneratorState, linspace, manualSeed, rand, zeros } from "@slicestack/torch";
import "../../src/models/catalogue.js";
import { Random } from "@slicestack/stats";
import { augmentSlices, augmentVolumes } from "../../src/augment/augment.js";
import { gaussianBlur } from "../../src/augment/blur.js";
import { valueMargin } from "../../src/augment/catalogue.js";
import { loadConfig } from "../../src/config/load.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { datasetSource } from "../../src/input/source.js";
import { SliceStore } from "../../src/input/slices.js";
import { leakFree, randomDataset } from "../models/support.js";
import { closeTo, fixture, only, sample } from "./support.js";

interface BlurCase {
  name: string;
  size: number[];
  sigmas: number[];
  input: number[];
  output: number[];
}

for (const c of fixture<BlurCase>("blur")) {
  leakFree(`blur of a ${c.name}: equals SciPy's gaussian_filter (fixtures/augment/blur.py)`, () => {
    const [first = 1] = c.sigmas;
    const steps = c.sigmas.map((sigma) => first / sigma);
    closeTo(gaussianBlur(sample(c.input, c.size), [first], [steps]), c.output, 1e-12, c.name);
  });
}

leakFree("each sample of a batch has a blur of its own, and none where none is drawn", () => {
  const x = rand([3, 2, 12, 12], { dtype: "float64" });
  const steps = [0, 1, 2].map(() => [1, 1]);
  const out = gaussianBlur(x, [0.6, null, 2], steps);
  assert.deepEqual(out.select(0, 1).toArray(), x.select(0, 1).toArray());
  for (const [k, sigma] of [
    [0, 0.6],
    [2, 2],
  ] as const) {
    const alone = gaussianBlur(x.narrow(0, k, 1), [sigma], [[1, 1]]);
    closeTo(out.narrow(0, k, 1), alone.toArray(), 1e-3, `sigma ${sigma}`); // one kernel's tail is longer than the other's
  }
});

leakFree(
  "noise has the deviation that was asked for, is new in each pixel, and leaves dropout's stream alone",
  () => {
    manualSeed(4);
    const before = getGeneratorState().toArray();
    const grey = zeros([8, 1, 64, 64]).add(0.5);
    const out = augmentSlices(grey, only("noise", { sigma: [0.05, 0.05] }), new Random(2));
    assert.deepEqual(getGeneratorState().toArray(), before);
    assert.ok(Math.abs(out.std().item() - 0.05) < 0.001, `${out.std().item()}`);
    assert.ok(Math.abs(out.mean().item() - 0.5) < 0.001);
    const neighbours = out
      .narrow(3, 0, 63)
      .sub(0.5)
      .mul(out.narrow(3, 1, 63).sub(0.5))
      .mean()
      .item();
    assert.ok(Math.abs(neighbours) < 1e-4, "no correlation between neighbours");
  },
);

leakFree("the margin is the furthest that the settings let an edge of the window move (by hand)", () => {
  assert.equal(valueMargin({ window: null }), 0);
  const window = {
    probability: 1,
    level: [-0.05, 0.05] as [number, number],
    width: [0.9, 1.2] as [number, number],
  };
  assert.ok(Math.abs(valueMargin({ window }) - 0.15) < 1e-12); // half of 0.2 wider, and 0.05 further
  assert.equal(valueMargin({ window: { ...window, level: [0.3, 0.4], width: [0.5, 0.5] } }), 0.4 - 0.25);
  assert.equal(valueMargin({ window: { ...window, probability: 0 } }), 0);
});

leakFree(
  "a jittered window equals that window applied to the HU: nothing is lost where the first one cuts",
  (folder) => {
    const dataset = randomDataset(folder, [3], [16, 16]); // -1200..600 HU, cut by -1000..400
    // 1400 HU wide: the level up by 0.05 widths, the width times 1.2, which gives -1070..610 HU.
    const jitter = "{window: {probability: 1, level: [0.05, 0.05], width: [1.2, 1.2]}}";
    const [plain, jittered] = ["none", jitter].map((augment) =>
      loadConfig({ overrides: { "transform.augment": augment, "transform.window": "[-1000, 400]" } }),
    );
    const moved = loadConfig({
      overrides: { "transform.augment": "none", "transform.window": "[-1070, 610]" },
    });
    assert.ok(plain !== undefined && jittered !== undefined);
    using store = new SliceStore(datasetSource(dataset), sliceTransform(jittered, dataset, "cpu"));
    using other = new SliceStore(datasetSource(dataset), sliceTransform(moved, dataset, "cpu"));
    using without = new SliceStore(datasetSource(dataset), sliceTransform(plain, dataset, "cpu"));
    const out = augmentSlices(store.wide([0, 1, 2]), jittered.transform.augment, new Random(1));
    assert.ok(
      out
        .sub(other.unit([0, 1, 2]))
        .abs()
        .max()
        .item() < 1e-6,
    );
    assert.ok(
      other
        .unit([0, 1, 2])
        .sub(without.unit([0, 1, 2]))
        .abs()
        .max()
        .item() > 0.04,
    );
    assert.deepEqual(
      store.unit([0, 1, 2]).toArray(),
      without.unit([0, 1, 2]).toArray(),
      "prediction sees no margin",
    );
  },
);

leakFree("outside of a turned slice is what air is inside of it, also under a jittered window", () => {
  const level: [number, number] = [-0.1, -0.1];
  const config = {
    ...only("rotation", { degrees: [45, 45] }),
    window: { probability: 1, level, width: [1, 1] as [number, number] },
  };
  for (const [air, seen] of [
    [0, 0.1],
    [-0.04, 0.06],
    [-0.1, 0],
  ] as const) {
    const x = zeros([1, 1, 16, 16]).add(air);
    const out = augmentSlices(x, config, new Random(1), { air }).toArray();
    assert.ok(
      out.every((value) => Math.abs(value - seen) < 1e-6),
      `air ${air}: ${Math.min(...out)}..${Math.max(...out)}`,
    );
  }
});

leakFree("a store says what air is on the scale of its window, as far as it keeps values", (folder) => {
  const dataset = randomDataset(folder, [1], [8, 8]); // HU, range -1000..400
  const airOf = (window: string, augment: string) =>
    sliceTransform(
      loadConfig({ overrides: { "transform.augment": augment, "transform.window": window } }),
      dataset,
      "cpu",
    ).air as number;
  const jitter = "{window: {level: [-0.1, 0.1], width: [1, 1]}}";
  assert.equal(airOf("null", jitter), 0);
  assert.equal(airOf("[-1000, 200]", jitter), 0);
  assert.ok(Math.abs(airOf("[-1400, 200]", jitter) - 0.25) < 1e-12);
  assert.ok(Math.abs(airOf("[-950, 50]", jitter) + 0.05) < 1e-12);
  assert.ok(Math.abs(airOf("[-160, 240]", jitter) + 0.1) < 1e-12, "cut at the margin");
  assert.equal(airOf("[-160, 240]", "none") + 0, 0);
  // Of two windows: one value where air lies at the lower edge of both, else one a channel.
  const several = (windows: string, neighbours = "1") =>
    sliceTransform(
      loadConfig({
        overrides: {
          "transform.augment": jitter,
          "transform.windows": windows,
          "transform.neighbours": neighbours,
        },
      }),
      dataset,
      "cpu",
    ).air;
  assert.equal(several("[[-1000, 400], [-1000, 0]]"), 0);
  assert.deepEqual(several("[[-1000, 400], [-1400, 200]]", "3"), [0, 0, 0, 0.25, 0.25, 0.25]);
});

for (const size of ["null", "[12, 10]"]) {
  leakFree(
    `trap 6: a slice that no draw meets has the bits that prediction sees, beside jitter too (size ${size})`,
    (folder) => {
      const dataset = randomDataset(folder, [4], [16, 12]);
      const run = loadConfig({
        overrides: { "transform.augment": "{window: {probability: 1e-9}}", "slice.size": size },
      });
      using store = new SliceStore(datasetSource(dataset), sliceTransform(run, dataset, "cpu"));
      assert.ok(store.transform.margin > 0);
      // Resized, random pixels are averages, which stay within the window.
      if (size === "null") assert.ok(store.wide([0]).min().item() < 0 && store.wide([0]).max().item() > 1);
      const seen = augmentSlices(
        store.wide([0, 1, 2, 3]),
        run.transform.augment,
        new Random(1),
        store.transform,
      );
      assert.deepEqual(seen.toArray(), store.unit([0, 1, 2, 3]).toArray());
      assert.ok(seen.min().item() >= 0 && seen.max().item() <= 1);
    },
  );
}

leakFree("intensity is (scale x + shift), cut to 0..1, to the power of gamma", () => {
  const x = linspace(0, 1, 9, { dtype: "float64" }).view(1, 1, 3, 3);
  const config = only("intensity", { scale: [1.2, 1.2], shift: [-0.1, -0.1], gamma: [2, 2] });
  const expected = Array.from({ length: 9 }, (_, k) => Math.min(1, Math.max(0, (1.2 * k) / 8 - 0.1)) ** 2);
  closeTo(augmentSlices(x, config, new Random(1)), expected, 1e-12, "intensity");
});

leakFree(
  "erasing covers a box of one value and of the share that was asked for, in slices and in volumes",
  () => {
    const config = only("erase", { area: [0.16, 0.16], aspect: [1, 1] });
    const x = rand([5, 2, 20, 20]).mul(0.001).add(2); // beyond 0..1, so that no value is a box's; cut to 1
    const out = augmentSlices(x, config, new Random(5));
    const covered = out.lt(1).to({ dtype: "float32" });
    assert.deepEqual(covered.sum([2, 3]).toArray(), new Array<number>(10).fill(64)); // 8 x 8 of 400, in both channels
    for (let k = 0; k < 5; k++) {
      const inside = out.select(0, k).maskedSelect(out.select(0, k).lt(1)).toArray();
      assert.equal(new Set(inside).size, 1, "one grey value");
      const rows = covered.select(0, k).select(0, 0).amax(1).sum().item();
      assert.equal(rows, 8, "a box, not scattered pixels");
    }
    const volume = augmentVolumes(
      x.narrow(0, 0, 1).unsqueeze(-1).repeat(1, 1, 1, 1, 10),
      config,
      new Random(5),
    );
    assert.equal(volume.lt(1).to({ dtype: "float32" }).sum().item(), 2 * 64 * 4); // the root of 0.16 of ten slices
  },
);
