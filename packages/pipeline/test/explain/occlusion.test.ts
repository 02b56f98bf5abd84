/** What a slice counts: left out, and as air, by hand and against volumes that never had the slice; for every head. */
import assert from "node:assert/strict";
import { cat, fromTypedArray, manualSeed, noGrad, scope, type Tensor } from "@slicestack/torch";
import { SliceFunction, headReadOut, voteReadOut, type ReadOut } from "../../src/explain/slice-function.js";
import { VoxelFunction } from "../../src/explain/voxel-function.js";
import { MeanHead } from "../../src/models/heads/pooled.js";
import { Maps3dHead } from "../../src/models/networks/maps-3d.js";
import { ordinalOutputs, softmaxOutputs } from "../../src/models/outputs.js";
import { createHead, createSliceModel, createVolumeModel } from "../../src/models/create-by-name.js";
import { headNames } from "../../src/models/catalogue.js";
import { SliceModel } from "../../src/models/trunks/slice-model.js";
import { SliceStore } from "../../src/input/slices.js";
import { datasetSource } from "../../src/input/source.js";
import { sliceTransform, volumeTransform } from "../../src/input/of-config.js";
import { VolumeStore } from "../../src/input/volumes.js";
import { logOdds } from "../../src/explain/log-odds.js";
import { config, threeD, leakFree, randomDataset } from "../models/support.js";

/** Its embedding is the mean of each half of the slice; its classes are the embedding itself. */
class Halves extends SliceModel {
  readonly channels = 1;
  readonly embedding = 2;
  readonly mapChannels = 1;
  override featureMaps(x_BCHW: Tensor): Tensor {
    return x_BCHW;
  }
  override embed(x_BCHW: Tensor): Tensor {
    const half = x_BCHW.size(3) / 2;
    return cat([x_BCHW.narrow(3, 0, half).mean([2, 3]), x_BCHW.narrow(3, half, half).mean([2, 3])], 1);
  }
  override classify(embedding_BE: Tensor): Tensor {
    return embedding_BE.alias();
  }
}

const near = (found: number, wanted: number, what = "") =>
  assert.ok(
    Math.abs(found - wanted) < 2e-5 * Math.max(1, Math.abs(wanted)),
    `${what}: ${found}, wanted ${wanted}`,
  );

function functionOf(
  folder: string,
  trunk: SliceModel,
  readOut: ReadOut,
  depth: number,
  size: [number, number],
) {
  const dataset = randomDataset(folder, [depth], size);
  const store = new SliceStore(datasetSource(dataset), sliceTransform(config(), dataset, "cpu"));
  const model = new SliceFunction({
    trunk,
    readOut,
    store,
    slicesOf: (volume) => store.slicesOf(volume),
    stored: size,
  });
  return { model, store, unit: model.input(dataset.volumes[0]!) };
}

/** Means of the halves of each slice, normalised, from the units of the store. */
const halvesOf = (unit: Tensor) =>
  unit.unbind(0).map((slice) => {
    const [left, right] = slice.chunk(2, 2).map((half) => (half.mean().item() - 0.485) / 0.229) as [
      number,
      number,
    ];
    return { left, right };
  });
const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

leakFree("mean head, by hand: the log-odds without a slice are those of the mean of the others", (folder) => {
  using head = new MeanHead({ embedding: 2, slices: 6, classes: 2, dropout: 0 });
  noGrad(() => {
    head.classifier.weight.copy_(fromTypedArray(Float32Array.of(1, 0, 0, 2), [2, 2]));
    head.classifier.bias!.copy_(fromTypedArray(Float32Array.of(0.5, 0)));
  });
  const trunk = new Halves();
  const { model, store, unit } = functionOf(folder, trunk, headReadOut(trunk, head, 6), 4, [8, 6]);
  using _store = store;
  const halves = halvesOf(unit);
  const oddsOf = (some: typeof halves) =>
    2 * meanOf(some.map(({ right }) => right)) - meanOf(some.map(({ left }) => left)) - 0.5;
  near(model.score(unit, 1), oddsOf(halves));
  const { leftOut, air } = model.occluded(unit, 1);
  const airValue = (0 - 0.485) / 0.229;
  halves.forEach((_, k) => {
    near(leftOut![k]!, oddsOf(halves.filter((_, other) => other !== k)), `left out ${k}`);
    near(
      air[k]!,
      oddsOf(halves.map((one, other) => (other === k ? { left: airValue, right: airValue } : one))),
      `air ${k}`,
    );
  });
});

leakFree("2D, by hand: the mean of the slices' probabilities, without the slice", (folder) => {
  const trunk = new Halves();
  const { model, store, unit } = functionOf(folder, trunk, voteReadOut(trunk), 3, [8, 6]);
  using _store = store;
  const chances = halvesOf(unit).map(({ left, right }) => 1 / (1 + Math.exp(right - left)));
  const oddsOf = (some: number[]) => Math.log(meanOf(some) / (1 - meanOf(some)));
  near(model.predict(unit).probabilities_K[0]!, meanOf(chances));
  near(model.score(unit, 0), oddsOf(chances));
  model
    .occluded(unit, 0)
    .leftOut!.forEach((found, k) => near(found, oddsOf(chances.filter((_, other) => other !== k))));
});

leakFree(
  "every head: a slice that is left out is as if its place held nothing; air is as if it held air",
  (folder) => {
    manualSeed(4);
    for (const name of [...headNames, "maps_3d"] as const) {
      using trunk = createSliceModel({ model: "slice_cnn", dropout: 0 }, 3, [16, 16]);
      using head =
        name === "maps_3d"
          ? Object.assign(new Maps3dHead({ mapChannels: trunk.mapChannels, classes: 3 }), {
              sees: "maps" as const,
            })
          : createHead({ model: name, dropout: 0 }, { embedding: trunk.embedding, slices: 7, classes: 3 });
      const { model, store, unit } = functionOf(folder, trunk, headReadOut(trunk, head, 7), 5, [16, 16]);
      using _store = store;
      const { leftOut, air } = model.occluded(unit, 2);
      const full = model.score(unit, 2);
      assert.ok(leftOut!.every(Number.isFinite) && leftOut!.some((one) => Math.abs(one - full) > 1e-6), name);
      const airSlice = model.baseline(unit.narrow(0, 0, 1), "air");
      const withAir = cat([unit.narrow(0, 0, 3), airSlice, unit.narrow(0, 4, 1)]);
      near(air[3]!, model.score(withAir, 2), `${name}: air`);
      // The last slice left out is a volume of one slice less; for heads blind to order so is any other.
      near(leftOut![4]!, model.score(unit.narrow(0, 0, 4), 2), `${name}: last`);
      const blind = ["mean", "max", "attention", "topk", "noisy_or", "gru"].includes(name);
      if (blind)
        near(
          leftOut![1]!,
          model.score(cat([unit.narrow(0, 0, 1), unit.narrow(0, 2, 3)]), 2),
          `${name}: second`,
        );
    }
  },
);

leakFree("3D: a slice of air in the place of each slice of the input", (folder) => {
  manualSeed(5);
  const dataset = randomDataset(folder, [8], [8, 10]);
  using store = new VolumeStore(datasetSource(dataset), volumeTransform(threeD(), dataset, "cpu"));
  using network = createVolumeModel({ model: "simple" }, 2, [8, 10, 8]);
  const model = new VoxelFunction({ model: network, store, stored: [8, 10] });
  const unit = model.input(dataset.volumes[0]!);
  const { leftOut, air } = model.occluded(unit, 1);
  assert.equal(leftOut, null);
  for (const k of [0, 5, 7]) {
    const values = unit.toArray().map((value, i) => (i % 8 === k ? 0 : value));
    near(air[k]!, model.score(fromTypedArray(Float32Array.from(values), unit.shape), 1), String(k));
  }
});

leakFree("a volume of a single slice cannot do without it", (folder) => {
  const trunk = new Halves();
  const { model, store, unit } = functionOf(folder, trunk, voteReadOut(trunk), 1, [4, 4]);
  using _store = store;
  const { leftOut, air } = model.occluded(unit, 0);
  assert.equal(leftOut, null);
  assert.equal(air.length, 1);
});

leakFree("log-odds: of two classes, of three, of ordered ones, by their probabilities", () => {
  const logits = fromTypedArray(Float64Array.of(0.3, -1.2, 2.1), [1, 3]);
  for (const outputs of [softmaxOutputs, ordinalOutputs]) {
    const chances = scope(() => outputs.probabilities(logits).toArray());
    scope(() => outputs.logProbabilities(logits).toArray()).forEach((value, k) =>
      near(value, Math.log(chances[k]!)),
    );
    chances.forEach((chance, k) =>
      near(
        scope(() => logOdds(outputs.logProbabilities(logits), k).item()),
        Math.log(chance / (1 - chance)),
      ),
    );
  }
  const two = fromTypedArray(Float64Array.of(40, -45), [1, 2]);
  near(
    scope(() => logOdds(softmaxOutputs.logProbabilities(two), 0).item()),
    85,
    "exact where softmax is 1",
  );
});
