/**
 * The "3D head": the last feature maps of a slice model are reduced to 64 channels by a 1x1 convolution and stacked over
 * slices; two blocks of 3D convolution, the mean over the volume and K outputs follow. The slice model is frozen unless
 * `freeze(false)` is called. Source: the zoo of the 2.5 CNN project (Garg, Garg, Duncan, Electronics 14(13), 2571, 2025), which
 * does not state the widths of the two blocks; here they equal that of the 1x1 convolution.
 * B volumes, S slices, F channels of the trunk's maps of h x w, C = 64 channels, K classes.
 */
import { cat, scope, type Tensor } from "@slicestack/torch";
import { Conv2d, Dropout, Linear } from "@slicestack/torch/nn";
import { ConvBlock3d } from "../common/conv-block.js";
import { frozen } from "../common/frozen.js";
import { maskSlices, normSlices, presentSlices } from "../common/masked-norm.js";
import { checkShape, type VolumeSize } from "../common/input-sizes.js";
import { slicesOf } from "../common/slices-of.js";
import { Head, type HeadOutput } from "../heads/head.js";
import type { SliceModel } from "../trunks/slice-model.js";
import { VolumeModel } from "./volume-model.js";
import { defineHead, defineNetwork } from "../component.js";
import { CustomResNet, customResnet } from "../trunks/custom-resnet.js";
import { outputs as outputsOf } from "../recognition.js";

const channels = 64;

/** The part that is trained. Its input, the maps, is computed once and kept, like embeddings. */
export class Maps3dHead extends Head {
  readonly reduce: Conv2d;
  readonly block1 = new ConvBlock3d(channels, channels);
  readonly block2 = new ConvBlock3d(channels, channels);
  readonly drop: Dropout;
  readonly classifier: Linear;

  constructor({
    mapChannels,
    classes,
    dropout = 0,
  }: {
    mapChannels: number;
    classes: number;
    dropout?: number;
  }) {
    super();
    this.reduce = new Conv2d(mapChannels, channels, 1);
    this.drop = new Dropout(dropout);
    this.classifier = new Linear(channels, classes);
  }

  /**
   * maps_BSFhw → logits_BK; no slice weights
   * @param mask_BS bool, true where a slice exists; padded slices have no influence, not even in training. null: all exist
   */
  override forward(maps_BSFhw: Tensor, mask_BS: Tensor | null = null): HeadOutput {
    const [volumes = 0, slices = 0] = maps_BSFhw.shape;
    const present = mask_BS === null ? null : presentSlices(mask_BS);
    const reduced_NChw = this.reduce.forward(maps_BSFhw.flatten(0, 1));
    const stacked_BChwS = reduced_NChw
      .reshape(volumes, slices, ...reduced_NChw.shape.slice(1))
      .permute(0, 2, 3, 4, 1);
    let x_BChwS = maskSlices(stacked_BChwS, present);
    for (const { conv, bn } of [this.block1, this.block2])
      x_BChwS = normSlices(bn, conv.forward(x_BChwS), present).relu();
    const logits_BK = this.classifier.forward(this.drop.forward(meanOfPresent(x_BChwS, mask_BS)));
    return { logits_BK, sliceWeight_BS: null };
  }
}

/** The mean over the positions of the slices that exist; all others are zero: x_BChwS → mean_BC */
function meanOfPresent(x_BChwS: Tensor, mask_BS: Tensor | null): Tensor {
  if (mask_BS === null) return x_BChwS.mean([2, 3, 4]);
  const [, , height = 0, width = 0] = x_BChwS.shape;
  const positions_B1 = mask_BS.sum(1, true).mul(height * width);
  return x_BChwS.sum([2, 3, 4]).div(positions_B1);
}

export interface Maps3dOptions {
  /** The model takes ownership of it. */
  trunk: SliceModel;
  classes: number;
  size: VolumeSize;
  /** Before the last layer. Default 0. */
  dropout?: number;
}

// Slices in a batch of the frozen trunk, whose activations are not kept.
const batchSize = 64;

export class Maps3d extends VolumeModel {
  readonly size: VolumeSize;
  readonly trunk: SliceModel;
  readonly head: Maps3dHead;
  #frozen = true;

  constructor({ trunk, classes, size, dropout = 0 }: Maps3dOptions) {
    super();
    this.size = size;
    this.trunk = trunk;
    this.head = new Maps3dHead({ mapChannels: trunk.mapChannels, classes, dropout });
    this.freeze();
  }

  /** Freezes the trunk, which is the initial state, or lets it train with the head. */
  freeze(isFrozen = true): this {
    this.#frozen = isFrozen;
    this.trunk.requiresGrad_(!isFrozen);
    return this;
  }

  /** x_B1HWD of any depth → maps_BSFhw; a trunk with several input channels receives the slice in each. */
  maps(x_B1HWD: Tensor): Tensor {
    checkShape("maps_3d", x_B1HWD, [null, 1, this.size[0], this.size[1], null]);
    const slices_NCHW = slicesOf(x_B1HWD).expand(-1, this.trunk.channels, -1, -1);
    const maps_NFhw = this.#frozen ? this.#frozenMaps(slices_NCHW) : this.trunk.featureMaps(slices_NCHW);
    return maps_NFhw.reshape(x_B1HWD.size(0), x_B1HWD.size(4), ...maps_NFhw.shape.slice(1));
  }

  /** @param mask_BD bool, true where a slice exists; null: all exist */
  override forward(x_B1HWD: Tensor, mask_BD: Tensor | null = null): Tensor {
    return this.head.forward(this.maps(x_B1HWD), mask_BD).logits_BK;
  }

  #frozenMaps(slices_NCHW: Tensor): Tensor {
    const parts = slices_NCHW.split(batchSize);
    return frozen(this.trunk, () =>
      cat(parts.map((part_NCHW) => scope(() => this.trunk.featureMaps(part_NCHW)))),
    );
  }
}

/** The head alone, on the maps of the run's slice model. */
export const maps3dHead = defineHead({
  name: "maps_3d",
  source: "the 2.5 CNN project's 3D head",
  architecture: "1x1 to 64, 2 blocks over the stack, mean, K",
  hint: "3D convolutions over the frozen trunk's last maps",
  sees: "maps",
  create: ({ mapChannels, outputs, dropout }) => new Maps3dHead({ mapChannels, classes: outputs, dropout }),
  signature: "reduce.weight, block1.conv.weight",
  recognise: (shapes) =>
    shapes("reduce.weight") === undefined || shapes("block1.conv.weight") === undefined
      ? null
      : { model: "maps_3d", classes: outputsOf(shapes, "classifier") },
});

/** Slice model and head in one network. */
export const maps3d = defineNetwork({
  name: "maps_3d",
  source: maps3dHead.source,
  architecture: `maps of a frozen ${customResnet.name}, ${maps3dHead.architecture}`,
  isSetting: false,
  setting: "head.model: maps_3d",
  takesTrunk: true,
  create: ({ outputs, trunk, ...shape }) =>
    new Maps3d({
      ...shape,
      classes: outputs,
      trunk: trunk ?? new CustomResNet({ depth: 50, classes: outputs, dropout: 0 }),
    }),
});
