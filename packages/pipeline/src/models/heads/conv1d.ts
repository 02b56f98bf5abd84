/**
 * 1D convolution over slices: layers of kernel 3 along the slice order with ReLU and dropout, then a weighted mean.
 * Each slice is combined with its neighbours; missing slices are zero, as beyond the ends of the volume.
 * B volumes, S slices, E embedding, H width, K classes.
 */
import type { Tensor } from "@slicestack/torch";
import { Conv1d, Dropout, Linear, ModuleList } from "@slicestack/torch/nn";
import { Head, type HeadOptions, type HeadOutput } from "./head.js";
import { onlyPresent, SlicePool } from "./slice-pool.js";
import { defineHead } from "../component.js";
import { z } from "zod";
import { atLeast, key } from "../../config/notes.js";

export class Conv1dHead extends Head {
  readonly drop: Dropout;
  readonly convs: ModuleList<Conv1d>;
  readonly pool: SlicePool;
  readonly classifier: Linear;

  /** @param options width H */
  constructor({
    embedding,
    classes,
    dropout,
    width,
    layers,
  }: HeadOptions & { width: number; layers: number }) {
    super();
    this.drop = new Dropout(dropout);
    this.convs = new ModuleList(
      Array.from(
        { length: layers },
        (_, k) => new Conv1d(k === 0 ? embedding : width, width, 3, { padding: 1 }),
      ),
    );
    this.pool = new SlicePool(width);
    this.classifier = new Linear(width, classes);
  }

  override forward(embedding_BSE: Tensor, mask_BS: Tensor): HeadOutput {
    let hidden_BSH = this.drop.forward(onlyPresent(embedding_BSE, mask_BS));
    for (const conv of this.convs) {
      const active_BSH = conv.forward(hidden_BSH.transpose(1, 2)).relu().transpose(1, 2);
      hidden_BSH = onlyPresent(this.drop.forward(active_BSH), mask_BS);
    }
    const { pooled_BH, weight_BS } = this.pool.forward(hidden_BSH, mask_BS);
    return { logits_BK: this.classifier.forward(pooled_BH), sliceWeight_BS: weight_BS };
  }
}

export const conv1d = defineHead({
  name: "conv1d",
  source: "own; pooling: Hassani et al., arXiv 2104.05704",
  architecture: "2 convolutions over slices, width 64, K",
  options: z.strictObject({
    width: key(z.int().min(1).default(64), atLeast(1), "Channels of the convolutions"),
    layers: key(z.int().min(1).default(2), atLeast(1), "Number of layers"),
  }),
  planned: "volumes of one depth",
  create: ({ outputs, ...shape }, options) => new Conv1dHead({ ...shape, classes: outputs, ...options }),
});
