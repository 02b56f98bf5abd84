/** Test-time augmentation: the mean over views, each held against a predictor of volumes that were changed by hand. */
import assert from "node:assert/strict";
import { manualSeed } from "@slicestack/torch";
import { memorySource, type VoxelSource } from "../../src/input/source.js";
import type { ModelSpec } from "../../src/models/spec.js";
import type { TestTime } from "../../src/models/test-time.js";
import { exportOnnx } from "../../src/export/onnx.js";
import type { Predicted } from "../../src/predict/prediction.js";
import { predictorOf } from "../../src/predict/predictor.js";
import { opened, sliceSpec, stackSpec, volumeSpec } from "../export/support.js";
import { leakFree } from "../models/support.js";

const compute = { device: "cpu", bfloat16: false };
const [height, width] = [24, 20];
const depths = [5, 3];
const none: TestTime = { flips: [], shift: 0, window: 0, swap: [] };

type Change = (slice: number, row: number, column: number, count: number) => [number, number, number];
const same: Change = (slice, row, column) => [slice, row, column];

/** Volumes of int16; the change says which voxel of the original stands at a place. */
function source(change: Change = same): VoxelSource {
  let key = 7;
  const volumes = depths.map((count) => {
    const original = Int16Array.from({ length: count * height * width }, () => {
      key = (key * 48271) % 2147483647;
      return (key % 1400) - 1000;
    });
    const voxels = new Int16Array(original.length);
    for (let s = 0; s < count; s++)
      for (let r = 0; r < height; r++)
        for (let c = 0; c < width; c++) {
          const [fromSlice, fromRow, fromColumn] = change(s, r, c, count);
          voxels[(s * height + r) * width + c] =
            original[(fromSlice * height + fromRow) * width + fromColumn]!;
        }
    return { voxels, count, spacing: [1, 1, 2] as const };
  });
  return memorySource({ height, width, dtype: "int16" }, volumes);
}

const places = depths.map((count, k) => ({ id: `volume ${k}`, first: k === 0 ? 0 : depths[0]!, count }));

function predicted(spec: ModelSpec, testTime: TestTime | null, change?: Change): Predicted {
  manualSeed(5);
  using model = opened({ ...spec, ...(testTime === null ? {} : { testTime }) });
  using predictor = predictorOf(model, source(change), compute);
  const all = predictor.predict(places);
  if (all.models.length > 0)
    assert.deepEqual(
      rounded([predictor.decide(places[1]!)[0]!]),
      rounded([all.models.at(-1)!.probabilities[1]!]),
    );
  return all;
}

const rounded = (rows: readonly (readonly number[])[]) =>
  rows.map((row) => row.map((value) => value.toFixed(6)));
const meanOf = (all: readonly number[][][]): number[][] =>
  all[0]!.map((row, k) => row.map((_, c) => all.reduce((sum, one) => sum + one[k]![c]!, 0) / all.length));
const clamp = (value: number, end: number) => Math.min(end - 1, Math.max(0, value));

const mirrored: Record<"horizontal" | "vertical" | "slices", Change> = {
  horizontal: (slice, row, column) => [slice, row, width - 1 - column],
  vertical: (slice, row, column) => [slice, height - 1 - row, column],
  slices: (slice, row, column, count) => [count - 1 - slice, row, column],
};

const stored: [number, number] = [height, width];
const specs: Record<string, ModelSpec> = {
  "2.5d": stackSpec("slice_cnn", { name: "gru" }, { neighbours: 3, stored, size: [24, 24] }),
  "3d": volumeSpec("simple_modular", [32, 32, 32], "resize", { stored }),
};

for (const [method, spec] of Object.entries(specs))
  leakFree(`${method}: the mean of the plain view, three flips and four shifts`, () => {
    const shifts: Change[] = [
      (slice, row, column) => [slice, clamp(row + 2, height), column],
      (slice, row, column) => [slice, clamp(row - 2, height), column],
      (slice, row, column) => [slice, row, clamp(column + 2, width)],
      (slice, row, column) => [slice, row, clamp(column - 2, width)],
    ];
    const changes = [same, mirrored.horizontal, mirrored.vertical, mirrored.slices, ...shifts];
    const each = changes.map((change) => predicted(spec, null, change).models.at(-1)!.probabilities);
    const flips: TestTime["flips"] = ["horizontal", "vertical", "slices"];
    const found = predicted(spec, { ...none, flips, shift: 2 });
    assert.deepEqual(rounded(found.models.at(-1)!.probabilities), rounded(meanOf(each)));
    assert.notDeepEqual(rounded(each[0]!), rounded(each[1]!));
    assert.deepEqual(found.evidence, predicted(spec, null).evidence, "evidence is that of the plain view");
  });

leakFree("a horizontal flip exchanges the classes of swap, another one does not", () => {
  const spec = specs["2.5d"]!;
  const plain = predicted(spec, null).models.at(-1)!.probabilities;
  for (const axis of ["horizontal", "vertical"] as const) {
    const other = predicted(spec, null, mirrored[axis]).models.at(-1)!.probabilities;
    const named = axis === "horizontal" ? other.map((row) => [...row].reverse()) : other;
    const found = predicted(spec, { ...none, flips: [axis], swap: [[0, 1]] }).models.at(-1)!.probabilities;
    assert.deepEqual(rounded(found), rounded(meanOf([plain, named])), axis);
  }
});

leakFree("2D: each slice has the mean of its own views, in the order of the plain view", () => {
  const spec = sliceSpec("slice_cnn", { rule: "mean", k: 3 }, { planes: "axial", stored, size: [24, 24] });
  const rows = (of: Predicted) => {
    const flat = [...of.slices!.probabilities];
    return Array.from({ length: flat.length / 2 }, (_, k) => flat.slice(2 * k, 2 * k + 2));
  };
  const plain = rows(predicted(spec, null));
  const flipped = rows(predicted(spec, null, mirrored.slices));
  const back = [...flipped.slice(0, 5).reverse(), ...flipped.slice(5).reverse()];
  assert.deepEqual(
    rounded(rows(predicted(spec, { ...none, flips: ["slices"] }))),
    rounded(meanOf([plain, back])),
  );
  // The slices are the same ones, so that nothing but rounding is averaged.
  assert.deepEqual(rounded(back), rounded(plain));
});

leakFree("window: two views, whose windows are moved down and up", () => {
  const spec = specs["2.5d"]!;
  const moved = (by: number): ModelSpec => ({
    ...spec,
    input: {
      ...spec.input,
      windows: spec.input.windows.map(([low, high]) => [low + by * (high - low), high + by * (high - low)]),
    } as never,
  });
  const each = [spec, moved(-0.1), moved(0.1)].map(
    (one) => predicted(one, null).models.at(-1)!.probabilities,
  );
  const found = predicted(spec, { ...none, window: 0.1 }).models.at(-1)!.probabilities;
  assert.deepEqual(rounded(found), rounded(meanOf(each)));
});

leakFree("an ONNX graph of such a model is refused, its trunk is not", () => {
  using model = opened({ ...specs["2.5d"]!, testTime: { ...none, flips: ["slices"] } });
  assert.throws(
    () => exportOnnx(model, { calibration: null }),
    /averages 2 views of a volume.*Use --to bundle/s,
  );
  assert.ok(exportOnnx(model, { part: "trunk", calibration: null }));
});
