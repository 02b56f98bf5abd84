/**
 * Gated-attention pooling over the slices of a volume.
 * Ilse, Tomczak, Welling: Attention-based Deep Multiple Instance Learning, ICML 2018, eq. 9.
 * B volumes, S slices, E embedding, A attention width, K classes.
 */
import type { Tensor } from "@slicestack/torch";
import { Dropout, Linear } from "@slicestack/torch/nn";
import { Head, type HeadOptions, type HeadOutput } from "./head.js";
import { defineHead } from "../component.js";
import { inputs, outputs as outputsOf } from "../recognition.js";
import { z } from "zod";
import { atLeast, key } from "../../config/notes.js";

export class AttentionHead extends Head {
  readonly drop: Dropout;
  readonly value: Linear;
  readonly gate: Linear;
  readonly score: Linear;
  readonly classifier: Linear;

  /** @param options width A */
  constructor({ embedding, classes, dropout, width }: HeadOptions & { width: number }) {
    super();
    this.drop = new Dropout(dropout);
    this.value = new Linear(embedding, width);
    this.gate = new Linear(embedding, width);
    this.score = new Linear(width, 1);
    this.classifier = new Linear(embedding, classes);
  }

  override forward(embedding_BSE: Tensor, mask_BS: Tensor): HeadOutput {
    const dropped_BSE = this.drop.forward(embedding_BSE);
    const hidden_BSA = this.value.forward(dropped_BSE).tanh().mul(this.gate.forward(dropped_BSE).sigmoid());
    const score_BS = this.score.forward(hidden_BSA).squeeze(-1).maskedFill(mask_BS.logicalNot(), -Infinity);
    const weight_BS = score_BS.softmax(1);
    const pooled_BE = weight_BS.unsqueeze(1).matmul(dropped_BSE).squeeze(1);
    return { logits_BK: this.classifier.forward(pooled_BE), sliceWeight_BS: weight_BS };
  }
}

export const attention = defineHead({
  name: "attention",
  source: "Ilse et al., ICML 2018",
  architecture: "gated attention of width 64, E-K",
  options: z.strictObject({
    width: key(z.int().min(1).default(64), atLeast(1), "Width of the attention layer"),
  }),
  planned: "volumes of several depths",
  create: ({ outputs, ...shape }, { width }) => new AttentionHead({ ...shape, classes: outputs, width }),
  signature: "gate.weight, score.weight",
  recognise: (shapes) =>
    shapes("gate.weight") === undefined || shapes("score.weight") === undefined
      ? null
      : {
          model: "attention head",
          classes: outputsOf(shapes, "classifier"),
          embedding: inputs(shapes, "gate"),
        },
});
