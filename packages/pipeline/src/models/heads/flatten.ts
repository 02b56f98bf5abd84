/**
 * The published volume head: all slice embeddings concatenated, S·E-2048-128-K with ReLU and dropout.
 * Garg, Garg, Duncan: 2.5 CNN, Electronics 14(13), 2571, 2025. It uses the order of slices and needs the same depth in all volumes.
 */
import type { Tensor } from "@slicestack/torch";
import { Dropout, Linear, ReLU, Sequential } from "@slicestack/torch/nn";
import { Head, type HeadOptions, type HeadOutput } from "./head.js";
import { defineHead } from "../component.js";
import { published } from "../common/published-source.js";
import { inputs, outputs as outputsOf, quotient } from "../recognition.js";

export class FlattenHead extends Head {
  readonly ffwd: Sequential;

  constructor({ embedding, slices, classes, dropout }: HeadOptions) {
    super();
    this.ffwd = new Sequential(
      new Linear(embedding * slices, 2048),
      new ReLU(),
      new Dropout(dropout),
      new Linear(2048, 128),
      new ReLU(),
      new Dropout(dropout),
      new Linear(128, classes),
    );
  }

  override forward(embedding_BSE: Tensor, mask_BS: Tensor): HeadOutput {
    const present_BSE = embedding_BSE.mul(mask_BS.unsqueeze(-1));
    return { logits_BK: this.ffwd.forward(present_BSE.flatten(1)), sliceWeight_BS: null };
  }
}

export const flatten = defineHead({
  name: "flatten",
  source: published,
  architecture: "slices concatenated, S·E-2048-128-K",
  hint: "embeddings stacked, 2048-128-C",
  needsOneDepth: true,
  create: ({ outputs, ...shape }) => new FlattenHead({ ...shape, classes: outputs }),
  signature: "ffwd.0.weight",
  recognise: (shapes, embedding = null) =>
    shapes("ffwd.0.weight") === undefined || shapes("ffwd.6.weight") === undefined
      ? null
      : {
          model: "flatten head",
          classes: outputsOf(shapes, "ffwd.6"),
          slices: quotient(inputs(shapes, "ffwd.0"), embedding),
        },
});
