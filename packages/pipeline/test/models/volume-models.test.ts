/** The 3D models and those with a slice model inside: sizes, frozen parts, masks, checkpoints. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  autocast,
  cat,
  functional as F,
  manualSeed,
  noGrad,
  randn,
  scope,
  tensor,
  type Tensor,
} from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { Adam } from "@slicestack/torch/optim";
import { traceShapes } from "@slicestack/torch/trace";
import type { VolumeSize } from "../../src/models/common/input-sizes.js";
import { CustomResNet } from "../../src/models/trunks/custom-resnet.js";
import { FlattenHead } from "../../src/models/heads/flatten.js";
import { Maps3d, Maps3dHead } from "../../src/models/networks/maps-3d.js";
import { createSliceModel, createVolumeModel } from "../../src/models/create-by-name.js";
import { Simple } from "../../src/models/networks/simple.js";
import { TwoStage } from "../../src/models/networks/two-stage.js";
import type { VolumeModel } from "../../src/models/networks/volume-model.js";
import { VolumeCnn } from "../../src/models/networks/volume-cnn.js";
import { close, digest, leakFree, maskOf } from "./support.js";

type LeastName = "simple" | "simplebn" | "simple_modular" | "attn" | "volume_cnn";
const least: Record<LeastName, VolumeSize> = {
  simple: [8, 8, 8],
  simplebn: [8, 8, 8],
  simple_modular: [32, 32, 32],
  attn: [32, 32, 32],
  volume_cnn: [8, 8, 1],
};

const valuesOf = (module: Module) =>
  scope(() => new Map([...module.stateDict()].map(([name, value]) => [name, digest(value)])));

/** One step of Adam with weight decay, in training mode. */
function train(model: VolumeModel, x: Tensor, forward: () => Tensor = () => model.forward(x)): number {
  using optimizer = new Adam(model.parameters(), { learningRate: 1e-2, weightDecay: 0.1 });
  model.train();
  const target = tensor(
    Array.from({ length: x.size(0) }, (_, k) => k % 2),
    { dtype: "int64" },
  );
  const loss = F.crossEntropy(forward(), target);
  loss.backward();
  optimizer.step();
  return loss.item();
}

for (const [name, size] of Object.entries(least) as [keyof typeof least, VolumeSize][]) {
  test(`${name}: accepts sizes of at least ${size.join(" x ")}, and refuses smaller ones`, () => {
    for (const more of [0, 1, 13]) {
      const { result } = traceShapes(() => {
        const fits: VolumeSize = [size[0] + more, size[1] + 2 * more, size[2] + more];
        using model = createVolumeModel({ model: name }, 3, fits);
        return model.forward(randn([2, 1, ...fits])).shape;
      });
      assert.deepEqual(result, [2, 3]);
    }
    const small: VolumeSize = [size[0], size[1] - 1, size[2]];
    const words = new RegExp(
      `halves its input \\d times, .*at least ${size[0]}; received .*Use at least ${size[0]} x`,
    );
    traceShapes(() =>
      assert.throws(() => createVolumeModel({ model: name }, 3, small), {
        name: "ModelError",
        message: words,
      }),
    );
  });

  if (name !== "attn")
    test(`${name}: an input of a size that the model was not created for is refused, with both shapes`, () => {
      traceShapes(() => {
        using model = createVolumeModel({ model: name }, 3, size);
        const other = [2, 1, size[0], size[1] + 8, size[2]];
        assert.throws(() => model.forward(randn(other)), {
          name: "ModelError",
          message: `${name}: expected an input of shape [any, 1, ${size.join(", ")}], received [${other.join(", ")}]. Pass the size that the model was created for, or create it for this size.`,
        });
      });
    });
}

test("attn: one model accepts volumes of any size, down to 32 on each side", () => {
  traceShapes(() => {
    using model = createVolumeModel({ model: "attn" }, 3, [32, 32, 32]);
    assert.deepEqual(model.forward(randn([1, 1, 64, 40, 99])).shape, [1, 3]);
    assert.throws(() => model.forward(randn([1, 1, 64, 40, 31])), /attn: .*received 64 x 40 x 31/);
    assert.throws(
      () => model.forward(randn([1, 3, 64, 40, 32])),
      /expected an input of shape \[any, 1, any, any, any\]/,
    );
  });
});

test("simple at 128 x 128 x 64 has the 268 million parameters of the published first linear layer", () => {
  const { result } = traceShapes(() => {
    using model = new Simple({ classes: 5, size: [128, 128, 64] });
    return model.fc1.weight.numel;
  });
  assert.equal(result, 256 * 16 * 16 * 8 * 512);
});

test("default dropout: 0.1 in simple, 0.5 in simplebn, 0.2 in two_stage's head, none in the others", () => {
  const found = (model: string) =>
    traceShapes(() => {
      using made = createVolumeModel({ model, dropout: null }, 2, [32, 32, 32]);
      const drops = [...made.namedModules().values()].flatMap((part) => ("p" in part ? [part.p] : []));
      return [...new Set(drops)].sort();
    }).result;
  assert.deepEqual(found("simple"), [0.1]);
  assert.deepEqual(found("simplebn"), [0.5]);
  assert.deepEqual(found("simple_modular"), [0]);
  assert.deepEqual(found("attn"), [0]);
  assert.deepEqual(found("two_stage"), [0, 0.2]);
  assert.deepEqual(found("maps_3d"), [0]);
});

leakFree(
  "simple and volume_cnn: the declared, unused layers receive no gradient, and no step changes them",
  () => {
    manualSeed(2);
    using simple = new Simple({ classes: 2, size: [8, 8, 8] });
    using volumes = new VolumeCnn({ classes: 2, size: [8, 8, 2] });
    for (const model of [simple, volumes]) {
      const before = valuesOf(model);
      train(model, randn([2, 1, ...model.size]));
      const changed = [...valuesOf(model)]
        .filter(([name, value]) => before.get(name) !== value)
        .map(([name]) => name);
      const isUnused = (name: string) => model.unused.some((layer) => name.startsWith(`${layer}.`));
      assert.deepEqual(changed.sort(), [...before.keys()].filter((name) => !isUnused(name)).sort());
    }
  },
);

const frozenModels: [name: string, make: () => { model: VolumeModel; part: Module }][] = [
  [
    "maps_3d",
    () => {
      const trunk = createSliceModel({ model: "resnet18", dropout: 0.5 }, 2, [32, 32]);
      return { model: new Maps3d({ trunk, classes: 2, size: [32, 32, 3] }), part: trunk };
    },
  ],
  [
    "maps_3d of slice_cnn, which drops channels",
    () => {
      const trunk = createSliceModel({ model: "slice_cnn", dropout: 0.5 }, 2, [32, 32]);
      return { model: new Maps3d({ trunk, classes: 2, size: [32, 32, 3] }), part: trunk };
    },
  ],
  [
    "two_stage",
    () => {
      const model = new TwoStage({ classes: 2, size: [32, 32, 3], depth: 18, dropout: 0, sliceDropout: 0.5 });
      return { model, part: model.resnet };
    },
  ],
];

for (const [name, make] of frozenModels) {
  leakFree(
    `trap 5, ${name}: training leaves the frozen part bit for bit, statistics too, and changes the rest`,
    () => {
      manualSeed(3);
      const { model, part } = make();
      using _model = model;
      const x = randn([2, 1, 32, 32, 3]);
      const [before, whole] = [valuesOf(part), valuesOf(model)];
      const first = train(model, x);
      assert.deepEqual(valuesOf(part), before);
      assert.notDeepEqual(valuesOf(model), whole);
      assert.notEqual(train(model, x), first, "the head learns");
      assert.ok(part.parameters().every(({ grad }) => grad === null));
    },
  );

  leakFree(`trap 5, ${name}: put into training mode, the frozen part computes the bits of evaluation`, () => {
    manualSeed(4);
    const { model } = make();
    using _model = model;
    const x = randn([2, 1, 32, 32, 3]);
    const seen = (training: boolean) => {
      model.train(training);
      if (model instanceof Maps3d) return model.maps(x).toArray();
      return noGrad(() => model.forward(x)).toArray(); // its head has no dropout and no statistics
    };
    const evaluated = seen(false);
    assert.ok(new Set(evaluated).size > 2);
    assert.deepEqual(seen(true), evaluated);
  });

  leakFree(`${name}: freeze(false) lets the whole learn`, () => {
    manualSeed(3);
    const { model, part } = make();
    using _model = model;
    assert.ok(model instanceof Maps3d || model instanceof TwoStage);
    model.freeze(false);
    const before = valuesOf(part);
    train(model, randn([2, 1, 32, 32, 3]));
    const after = valuesOf(part);
    assert.notEqual(
      after.get("resnet.conv1.weight") ?? after.get("conv1.weight"),
      before.get("resnet.conv1.weight") ?? before.get("conv1.weight"),
    );
  });
}

leakFree(
  "maps_3d head: more padding changes nothing: logits, gradients and running statistics, in training too",
  () => {
    const depths = [2, 5, 3];
    const maps_BSFhw = randn([3, 5, 8, 2, 3]);
    const more_BSFhw = cat([maps_BSFhw, randn([3, 4, 8, 2, 3]).mul(100)], 1);
    const run = (maps: Tensor, slices: number) => {
      manualSeed(6);
      using head = new Maps3dHead({ mapChannels: 8, classes: 3 });
      const logits = head.forward(maps, maskOf(depths, slices)).logits_BK;
      F.crossEntropy(logits, tensor([0, 1, 2], { dtype: "int64" })).backward();
      const gradients = head.parameters().map(({ grad }) => grad ?? assert.fail("no gradient"));
      const buffers = [...head.namedBuffers().values()].map((buffer) => buffer.clone());
      const evaluated = noGrad(() => head.eval().forward(maps, maskOf(depths, slices)).logits_BK);
      return [logits, evaluated, ...gradients, ...buffers];
    };
    const [plain, padded] = [run(maps_BSFhw, 5), run(more_BSFhw, 9)];
    padded.forEach((value, k) => close(value, plain[k], 1e-5));
  },
);

leakFree(
  "maps_3d head: a mask of all slices equals no mask, and the values of missing slices are not used",
  () => {
    using head = new Maps3dHead({ mapChannels: 8, classes: 3 });
    const maps_BSFhw = randn([2, 4, 8, 2, 2]);
    const said = (maps: Tensor, mask?: Tensor) => head.forward(maps, mask).logits_BK;
    close(said(maps_BSFhw, maskOf([4, 4], 4)), said(maps_BSFhw), 1e-6);
    const mask_BS = maskOf([4, 2], 4);
    const absent = mask_BS.logicalNot().unsqueeze(-1).unsqueeze(-1).unsqueeze(-1);
    close(said(maps_BSFhw, mask_BS), said(maps_BSFhw.maskedFill(absent, 1e4), mask_BS), 1e-6);
  },
);

leakFree("two_stage is custom_resnet and the flatten head, by the published names of a checkpoint", () => {
  manualSeed(7);
  const size: VolumeSize = [32, 40, 3];
  using slices = new CustomResNet({ depth: 18, classes: 2, dropout: 0 });
  using head = new FlattenHead({ embedding: 256, slices: 3, classes: 4, dropout: 0.2 });
  const checkpoint = new Map<string, Tensor>();
  for (const [name, value] of slices.stateDict())
    if (!name.startsWith("custom_layers.6.")) checkpoint.set(`resnet.${name}`, value);
  for (const [name, value] of head.stateDict()) checkpoint.set(name, value);
  assert.ok(checkpoint.has("resnet.resnet.layer4.1.bn2.running_var") && checkpoint.has("ffwd.6.bias"));
  using model = new TwoStage({ classes: 4, size, depth: 18 });
  model.loadStateDict(checkpoint);
  const x_B1HWD = randn([2, 1, ...size]);
  for (const part of [model, slices, head]) part.eval();
  const found = noGrad(() => model.forward(x_B1HWD));
  const wanted = noGrad(() => {
    const images = [0, 1].flatMap((b) =>
      [0, 1, 2].map((d) => x_B1HWD.select(0, b).select(3, d).repeat(1, 3, 1, 1)),
    );
    const embedding_BSE = slices.embed(cat(images)).reshape(2, 3, 256);
    return head.forward(embedding_BSE, maskOf([3, 3], 3)).logits_BK;
  });
  close(found, wanted, 1e-5);
});

leakFree("volume_cnn sees slices in their order, and each by the same weights", () => {
  manualSeed(8);
  using model = new VolumeCnn({ classes: 3, size: [8, 16, 4] });
  model.eval();
  const x_B1HWD = randn([1, 1, 8, 16, 4]);
  const features = noGrad(() => model.slice_cnn.embed(cat([0, 1, 2, 3].map((d) => x_B1HWD.select(4, d)))));
  const hidden = model.fc2.forward(model.fc1.forward(features.reshape(1, -1)).relu()).relu();
  close(model.forward(x_B1HWD), model.fc3.forward(hidden), 1e-5);
});

for (const model of ["simple", "simple_modular", "attn", "volume_cnn"] as const) {
  leakFree(`${model}: trains under bfloat16 autocast, with numbers as gradients`, () => {
    const size: VolumeSize = model === "simple" || model === "volume_cnn" ? [8, 8, 8] : [32, 32, 32];
    using made = createVolumeModel({ model }, 2, size);
    const x = randn([2, 1, ...size]);
    assert.ok(
      Number.isFinite(train(made, x, () => autocast({}, () => made.forward(x)).to({ dtype: "float32" }))),
    );
    for (const { grad } of made.parameters()) assert.ok(grad === null || grad.isfinite().all().item());
  });
}

test("a trunk is refused by a network without one", () => {
  traceShapes(() => {
    using trunk = createSliceModel({ model: "slice_cnn", dropout: 0 }, 2, [8, 8]);
    assert.throws(
      () => createVolumeModel({ model: "attn", trunk }, 2, [32, 32, 32]),
      /attn: has no trunk.*maps_3d/,
    );
  });
});
