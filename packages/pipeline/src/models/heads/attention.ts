/**
 * Gated-attention pooling over the slices of a volume.
 * Ilse, Tomczak, Welling: Attention-based Deep Multiple Instance Learning, ICML 2018, eq. 9.
 * B volumes, S slices, E embedding, A attention width, K classes.
 */
import type { Tensor } from "@slicestack/torch";
import { Dropout, Linear } from "@slicestack/torch/nn";
import { Head, type HeadOptions, type HeadOutput } from "./head.js";

const attentionWidth = 64;

export class AttentionHead extends Head {
  readonly drop: Dropout;
  readonly value: Linear;
  readonly gate: Linear;
  readonly score: Linear;
  readonly classifier: Linear;

  constructor({ embedding, classes, dropout }: HeadOptions) {
    super();
    this.drop = new Dropout(dropout);
    this.value = new Linear(embedding, attentionWidth);
    this.gate = new Linear(embedding, attentionWidth);
    this.score = new Linear(attentionWidth, 1);
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
