/** How each case of fixtures/models is made here: through the functions that training uses. */
import type { Tensor } from "@slicestack/torch";
import { Maps3d } from "../../src/models/networks/maps-3d.js";
import { createHead, createSliceModel, createVolumeModel } from "../../src/models/create-by-name.js";
import { headNames } from "../../src/models/catalogue.js";
import type { SliceModel } from "../../src/models/trunks/slice-model.js";
import { TwoStage } from "../../src/models/networks/two-stage.js";
import type { VolumeModel } from "../../src/models/networks/volume-model.js";
import type { VolumeSize } from "../../src/models/common/input-sizes.js";
import type { Called, Make, ParityCase } from "./parity.js";
import { maskOf } from "./support.js";

interface Options {
  channels?: number;
  dropout?: number;
  /** Options of a head. */
  k?: number;
  width?: number;
  layers?: number;
  depth?: 18 | 50;
  frozen?: boolean;
  trunk?: "resnet18" | "slice_cnn";
  /** maps_3d: slices that exist of each volume. */
  depths?: number[];
}

function slice(
  model: string,
  logits: (made: SliceModel, x: Tensor) => Tensor = (made, x) => made.forward(x),
): Make {
  return ({ classes, shape }, { channels, dropout = 0 }: Options): Called => {
    const size: [number, number] = [shape[2] ?? 0, shape[3] ?? 0];
    const made = createSliceModel(
      { model, dropout, ...(channels === undefined ? {} : { channels }) },
      classes,
      size,
    );
    return { model: made, forward: (x) => ({ logits: logits(made, x), weights: null }) };
  };
}

function vit(of: ParityCase, { depths: _, ...options }: Options): Called {
  const [, , height = 0, width = 0] = of.shape;
  const settings = { model: { name: "vit_small", options }, dropout: 0 };
  const model = createSliceModel(settings, of.classes, [height, width]);
  return { model, forward: (x) => ({ logits: model.forward(x), weights: null }) };
}

const sizeOf = ({ shape }: ParityCase): VolumeSize => [shape[2] ?? 0, shape[3] ?? 0, shape[4] ?? 0];
const called = (model: VolumeModel): Called => ({
  model,
  forward: (x) => ({ logits: model.forward(x), weights: null }),
});

function volume(model: string): Make {
  return (of, { dropout = 0 }: Options) =>
    called(createVolumeModel({ model, dropout }, of.classes, sizeOf(of)));
}

function twoStage(of: ParityCase, { depth, frozen = true, dropout = 0 }: Options): Called {
  const { classes } = of;
  if (depth === undefined)
    return called(createVolumeModel({ model: "two_stage", dropout }, classes, sizeOf(of)));
  return called(new TwoStage({ classes, size: sizeOf(of), depth, dropout }).freeze(frozen));
}

function maps3d(of: ParityCase, { trunk = "resnet18", depths, frozen = true }: Options): Called {
  const size = sizeOf(of);
  const slices = createSliceModel({ model: trunk, dropout: 0 }, of.classes, [size[0], size[1]]);
  const model = createVolumeModel({ model: "maps_3d", trunk: slices }, of.classes, size);
  if (!(model instanceof Maps3d)) throw new Error("expected maps_3d");
  model.freeze(frozen);
  const mask = depths === undefined ? null : () => maskOf(depths, size[2]);
  return { model, forward: (x) => ({ logits: model.forward(x, mask?.() ?? null), weights: null }) };
}

function head(name: string): Make {
  return ({ classes, shape }, { dropout = 0, depths: _, ...settings }: Options) => {
    const [, slices = 0, embedding = 0] = shape;
    const made = createHead({ model: { name, options: settings }, dropout }, { embedding, slices, classes });
    return {
      model: made,
      forward: (x, mask) => {
        if (mask === null) throw new Error("expected a mask");
        const { logits_BK, sliceWeight_BS } = made.forward(x, mask);
        return { logits: logits_BK, weights: sliceWeight_BS };
      },
    };
  };
}

/** File of fixtures/models → how its cases are made. */
export const parityTable: Record<string, Make> = {
  simple: volume("simple"),
  simplebn: volume("simplebn"),
  simple_modular: volume("simple_modular"),
  attn: volume("attn"),
  "2d_cnn": slice("2d_cnn"),
  slice_cnn: (of, options) => slice("slice_cnn", (made, x) => made.embed(x))({ ...of, classes: 3 }, options),
  volume_cnn: volume("volume_cnn"),
  resnet18: slice("resnet18"),
  resnet34: slice("resnet34"),
  custom_resnet: slice("custom_resnet"),
  efficientnet_lite0: slice("efficientnet_lite0"),
  efficientnet_b0: slice("efficientnet_b0"),
  efficientnet_v2_s: slice("efficientnet_v2_s"),
  convnext_tiny: slice("convnext_tiny"),
  densenet121: slice("densenet121"),
  vit_small: vit,
  two_stage: twoStage,
  maps_3d: maps3d,
  ...Object.fromEntries(headNames.map((name) => [`head_${name}`, head(name)])),
};
