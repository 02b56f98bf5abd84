/** Phantoms whose lesions are known: maps of a small model that was trained on them lie in the lesions, and hold their checks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  fromTypedArray,
  functional as F,
  liveTensors,
  manualSeed,
  Scope,
  scope,
  type Tensor,
} from "@slicestack/torch";
import { Conv2d, Linear, ReLU, Sequential } from "@slicestack/torch/nn";
import { Adam } from "@slicestack/torch/optim";
import type { Volume } from "@slicestack/volume";
import "../../src/models/catalogue.js";
import { Random } from "@slicestack/stats";
import { planScans, type ScanPlan } from "../../src/data/phantom/plan.js";
import { drawScan } from "../../src/data/phantom/scan.js";
import type { Dataset } from "../../src/data/store.js";
import { SliceFunction, voteReadOut } from "../../src/explain/slice-function.js";
import { mapInSource } from "../../src/explain/source-map.js";
import { explainVolume, MAP_KINDS, type MapKind } from "../../src/explain/subject.js";
import { summarise } from "../../src/explain/summary.js";
import { SliceModel } from "../../src/models/trunks/slice-model.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { datasetSource } from "../../src/input/source.js";
import { SliceStore } from "../../src/input/slices.js";
import { temporaryFolder } from "../data/temporary.js";
import { preparedSet } from "../inspect/support.js";
import { config } from "../models/support.js";

/** Two convolutions, the mean over the slice, a linear layer: it can only learn how dense the lung is, and where. */
class Tiny extends SliceModel {
  readonly channels = 1;
  readonly embedding = 12;
  readonly mapChannels = 12;
  readonly first = new Conv2d(1, 8, 3, { padding: 1 });
  readonly block = new Sequential(new Conv2d(8, 12, 3, { padding: 1 }), new ReLU());
  readonly last = new Linear(12, 2);

  override featureMaps(x_BCHW: Tensor): Tensor {
    return this.block.forward(F.maxPool2d(this.first.forward(x_BCHW).relu(), 2));
  }
  override embed(x_BCHW: Tensor): Tensor {
    return this.featureMaps(x_BCHW).mean([2, 3]);
  }
  override classify(embedding_BE: Tensor): Tensor {
    return this.last.forward(embedding_BE);
  }
}

const [TRAINED, HELD_OUT] = [8, 6];

/** People with CT-3, each with a healthy twin of the same body, breath and noise. */
function people(): { ill: Volume; healthy: Volume }[] {
  const plans = planScans({
    subjects: 100,
    counts: [0, 0, 0, TRAINED + HELD_OUT, 0],
    seed: 8,
    minimum: 1,
    size: 40,
  });
  const own = plans.filter((plan, k) => plans.findIndex(({ subject }) => subject === plan.subject) === k);
  const draw = (plan: ScanPlan) => drawScan(plan, "LPS").volume;
  return own.map((plan) => ({ ill: draw(plan), healthy: draw({ ...plan, label: 0 }) }));
}

function trainOn(model: Tiny, store: SliceStore, dataset: Dataset): void {
  using optimizer = new Adam(model.parameters(), { learningRate: 0.02 });
  const slices = dataset.volumes.slice(0, 2 * TRAINED).flatMap((volume) =>
    store
      .slicesOf(volume)
      .slice(2, -2)
      .map((slice) => ({ slice, label: volume.label })),
  );
  const random = new Random(2);
  for (let step = 0; step < 400; step++) {
    using _step = new Scope();
    const batch = Array.from({ length: 32 }, () => random.pick(slices));
    const x = store.normalise(store.unit(batch.map(({ slice }) => slice)), 1);
    const target = fromTypedArray(BigInt64Array.from(batch, ({ label }) => BigInt(label)));
    F.crossEntropy(model.forward(x), target).backward();
    optimizer.step();
    optimizer.zeroGrad();
  }
}

/** How many times as much of the map's mass lies in the lesions as their share of the body. */
function concentration(map: Volume, { ill, healthy }: { ill: Volume; healthy: Volume }): number {
  let [mass, inside, voxels, hit] = [0, 0, 0, 0];
  map.data.forEach((value, i) => {
    if (ill.data[i]! < -950) return;
    const lesion = Math.abs(ill.data[i]! - healthy.data[i]!) > 60;
    voxels++;
    mass += Math.max(0, value);
    if (!lesion) return;
    hit++;
    inside += Math.max(0, value);
  });
  return inside / mass / (hit / voxels);
}

test("people whom the model never saw: half as much again of each map lies in the lesions as chance puts there, and more; integrated gradients beat a random order", async (t) => {
  const everyone = people();
  const volumes = Object.fromEntries(
    everyone.flatMap(({ healthy, ill }, k) => [
      [`p${10 + k} healthy`, healthy],
      [`p${10 + k} ill`, ill],
    ]),
  );
  const { dataset } = await preparedSet(temporaryFolder(t), volumes, { size: [32, 32], depth: 12 });
  const before = liveTensors();
  scope(() => {
    manualSeed(1);
    using store = new SliceStore(
      datasetSource(dataset),
      sliceTransform(config({ "transform.window": "[-1000, -200]" }), dataset, "cpu"),
    );
    using trunk = new Tiny();
    trainOn(trunk, store, dataset);
    using random = new Tiny();
    const functionOf = (model: Tiny) =>
      new SliceFunction({
        trunk: model,
        readOut: voteReadOut(model),
        store,
        slicesOf: (volume) => store.slicesOf(volume),
        stored: [32, 32],
      });
    const [model, other] = [functionOf(trunk), functionOf(random)];
    const check = { steps: 8, draws: 3, other: { model: other, layer: other.layer("block") } };
    const options = {
      kinds: MAP_KINDS,
      target: 1,
      layer: model.layer("block"),
      baseline: "air" as const,
      steps: 16,
      check,
      seed: 4,
      onPart: () => undefined,
    };
    const found = dataset.volumes.filter(({ label }) => label === 1).slice(-HELD_OUT);
    const ratios: Record<MapKind, number[]> = { gradcam: [], ig: [] };
    const subjects = found.map((volume) => {
      const { explained, maps } = explainVolume(model, volume, options);
      const person = everyone[Number(volume.id.slice(1, 3)) - 10]!;
      for (const kind of MAP_KINDS)
        ratios[kind].push(concentration(mapInSource(maps[kind]!, volume, [32, 32]), person));
      return explained;
    });
    for (const kind of MAP_KINDS)
      ratios[kind].forEach((ratio, k) =>
        assert.ok(ratio > 1.5, `${kind}, ${found[k]!.id}: ${ratio} times chance`),
      );
    const ig = summarise(subjects, 1).maps.find(({ kind }) => kind === "ig")!;
    assert.ok(ig.better, JSON.stringify([ig.deletion, ig.insertion]));
    assert.ok(ig.randomised.value < 0.5, String(ig.randomised.value));
  });
  assert.equal(liveTensors(), before);
});
