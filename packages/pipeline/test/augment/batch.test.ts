/** A whole augmentation: what it depends on, what is shared, in which range its draws lie. */
import assert from "node:assert/strict";
import { autocast, liveTensors, manualSeed, rand, randn, scope } from "@slicestack/torch";
import "../../src/models/catalogue.js";
import { Random } from "@slicestack/stats";
import { affineMatrix, drawAffine } from "../../src/augment/affine.js";
import { augmentSlices, augmentStacks, augmentVolumes } from "../../src/augment/augment.js";
import { augmentPresets } from "../../src/config/augment.js";
import { AUGMENT_PRESETS as presets } from "../../src/config/augment-presets.js";
import { leakFree } from "../models/support.js";
import { only } from "./support.js";

const { strong, published } = augmentPresets();

leakFree(
  "a batch depends on the stream's seed alone: not on what was drawn before, not on libtorch's generator",
  () => {
    const x = rand([4, 1, 24, 24]);
    const stream = new Random(3).fork("augment 2 7");
    const first = augmentSlices(x, strong, stream).toArray();
    stream.uniform();
    manualSeed(99);
    assert.deepEqual(augmentSlices(x, strong, stream).toArray(), first);
    assert.deepEqual(augmentSlices(x, strong, new Random(3).fork("augment 2 7")).toArray(), first);
    assert.notDeepEqual(augmentSlices(x, strong, new Random(3).fork("augment 2 8")).toArray(), first);
    assert.notDeepEqual(augmentSlices(x, strong, new Random(4).fork("augment 2 7")).toArray(), first);
  },
);

leakFree("switching one transform off leaves the draws of the others as they were", () => {
  const x = rand([6, 1, 24, 24], { dtype: "float64" });
  const whole = {
    ...only("rotation"),
    translation: { probability: 0.5, share: [0.1, 0.2] as [number, number] },
  };
  const alone = { ...whole, rotation: null };
  const sides = Array.from({ length: 6 }, () => [24, 24]);
  const shifts = (config: typeof whole | typeof alone) =>
    drawAffine(config, sides, new Random(8)).map((draw) => draw?.translation ?? null);
  assert.deepEqual(shifts(alone), shifts(whole));
  assert.equal(x.dim, 4);
});

leakFree("samples of a batch differ, channels of a slice and slices of a volume do not", () => {
  const one = rand([1, 1, 1, 20, 20]);
  const quiet = { ...strong, noise: null };
  const stack = augmentStacks(one.repeat(3, 5, 2, 1, 1), quiet, new Random(5));
  assert.deepEqual(stack.shape, [3, 5, 2, 20, 20]);
  for (let volume = 0; volume < 3; volume++) {
    const first = stack.select(0, volume).select(0, 0).select(0, 0).toArray();
    for (let s = 0; s < 5; s++)
      for (let c = 0; c < 2; c++)
        assert.deepEqual(
          stack.select(0, volume).select(0, s).select(0, c).toArray(),
          first,
          `slice ${s} channel ${c}`,
        );
  }
  assert.notDeepEqual(stack.select(0, 0).toArray(), stack.select(0, 1).toArray());
});

leakFree("a stack is augmented as its slices would be as channels: one draw a volume", () => {
  const x = rand([2, 6, 1, 20, 20]);
  const stack = augmentStacks(x, strong, new Random(5));
  const channels = augmentSlices(x.view(2, 6, 20, 20), strong, new Random(5));
  assert.deepEqual(stack.toArray(), channels.toArray());
});

for (const name of presets) {
  leakFree(`${name}: slices and volumes keep shape and dtype, stay within 0..1, and give no gradient`, () => {
    const slices = rand([3, 2, 17, 23]).mul(1.2).sub(0.1).requiresGrad_();
    const volumes = rand([2, 1, 12, 14, 6]);
    const spacing = [
      [0.7, 0.7, 2],
      [0.8, 0.8, 5],
    ] as const;
    for (const out of [
      augmentSlices(slices, augmentPresets()[name], new Random(1)),
      augmentVolumes(volumes, augmentPresets()[name], new Random(1), { spacing }),
    ]) {
      assert.equal(out.requiresGrad, false);
      assert.equal(out.dtype, "float32");
      assert.ok(out.min().item() >= 0 && out.max().item() <= 1 && out.isfinite().all().item() === 1);
    }
    assert.deepEqual(augmentSlices(slices, augmentPresets()[name], new Random(1)).shape, [3, 2, 17, 23]);
    assert.deepEqual(
      augmentVolumes(volumes, augmentPresets()[name], new Random(1), { spacing }).shape,
      [2, 1, 12, 14, 6],
    );
  });
}

leakFree("under bfloat16 autocast the places that are read stay exact", () => {
  const x = rand([4, 1, 64, 64]);
  const outside = augmentSlices(x, strong, new Random(2)).toArray();
  const inside = autocast({ enabled: true }, () => augmentSlices(x, strong, new Random(2)));
  assert.equal(inside.dtype, "float32");
  assert.deepEqual(inside.toArray(), outside);
});

leakFree("twenty batches leave as many tensors as one", () => {
  const x = rand([2, 1, 16, 16]);
  const before = liveTensors();
  for (let k = 0; k < 20; k++) scope(() => augmentSlices(x, strong, new Random(k)).sum().item());
  assert.equal(liveTensors(), before);
});

leakFree("one sample, one channel, one pixel: every preset runs", () => {
  for (const name of presets)
    for (const size of [
      [1, 1, 1, 1],
      [1, 1, 2, 9],
    ]) {
      assert.deepEqual(augmentSlices(randn(size), augmentPresets()[name], new Random(1)).shape, size);
      assert.deepEqual(augmentVolumes(randn([...size, 1]), augmentPresets()[name], new Random(1)).shape, [
        ...size,
        1,
      ]);
    }
});

leakFree("4000 draws of the published set lie in its ranges and fill them evenly", () => {
  const sides = Array.from({ length: 4000 }, () => [100, 100]);
  const draws = drawAffine(published, sides, new Random(11)).filter((draw) => draw !== null);
  assert.equal(draws.length, 4000);
  const spread = (values: (number | undefined)[], low: number, high: number, what: string) => {
    const places = values.map((value) => ((value ?? NaN) - low) / (high - low));
    assert.ok(
      places.every((place) => place >= 0 && place <= 1),
      what,
    );
    for (let tenth = 0; tenth < 10; tenth++) {
      const share =
        places.filter((place) => place >= tenth / 10 && place < (tenth + 1) / 10).length / places.length;
      assert.ok(Math.abs(share - 0.1) < 0.02, `${what}: ${share} in tenth ${tenth + 1}`);
    }
  };
  spread(
    draws.map(({ rotation }) => rotation?.[0]),
    -15,
    15,
    "rotation",
  );
  spread(
    draws.map(({ translation }) => translation?.[0]),
    -0.1,
    0.1,
    "translation x",
  );
  spread(
    draws.map(({ translation }) => translation?.[1]),
    -0.1,
    0.1,
    "translation y",
  );
  spread(
    draws.map(({ scale }) => scale),
    0.95,
    1.05,
    "scale",
  );
  spread(
    draws.map(({ shear }) => shear?.[0]),
    -10,
    10,
    "shear",
  );
  for (const { crop } of draws) {
    const [x = 0, y = 0] = crop?.kept ?? [];
    assert.ok(x <= 1 && y <= 1 && x * y >= 0.8 - 1e-9 && x * y <= 1 + 1e-9, "area");
    assert.ok(x / y >= 3 / 4 - 1e-9 && x / y <= 4 / 3 + 1e-9, "aspect");
    const inside = crop?.middle.every(
      (middle, axis) => Math.abs(middle) <= (1 - (crop.kept[axis] ?? 0)) / 2 + 1e-12,
    );
    assert.ok(inside, "the crop lies within the slice");
  }
});

leakFree("a probability is the share of the samples that a transform meets", () => {
  const sides = Array.from({ length: 4000 }, () => [10, 10]);
  const config = {
    ...augmentPresets().none,
    rotation: { probability: 0.3, degrees: [1, 2] as [number, number], tilt: [0, 0] as [number, number] },
  };
  const met = drawAffine(config, sides, new Random(2)).filter((draw) => draw !== null).length / 4000;
  assert.ok(Math.abs(met - 0.3) < 0.03, `${met}`);
});

leakFree("a crop that cannot fit is the largest of the nearest aspect, as torchvision falls back", () => {
  const config = {
    ...augmentPresets().none,
    crop: { probability: 1, area: [1, 1] as [number, number], aspect: [2, 2] as [number, number] },
  };
  const [draw] = drawAffine(config, [[10, 10]], new Random(1));
  assert.deepEqual(draw?.crop?.kept, [1, 0.5]);
  assert.deepEqual(affineMatrix(draw ?? {}, [10, 10])[0]?.slice(0, 2), [1, 0]);
});
