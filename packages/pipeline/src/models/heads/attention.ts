/**
 * Gated-attention pooling over the slices of a volume.
 * Ilse, Tomczak, Welling: Attention-based Deep Multiple Instance Learning, ICML 2018, eq. 9.
 * B volumes, S slices, E embedding, A attention width, K classes.
 */
import type { Tensor } from "@slicestack/torch";
import { Dropout, Linear } from "@slicestack/torch/nn";
import { Head, type HeadOptions, type HeadOutput } from "./head.js";

export class AttentionHead extends Head {
  readonly drop: Dropout;
  readonly value: Linear;
  readonly gate: Linear;
  readonly score: Linear;
  readonly classifier: Linear;

  /** @param options width A, default 64 */
  constructor({ embedding, classes, dropout, width }: HeadOptions) {
    super();
    const attention = width ?? 64;
    this.drop = new Dropout(dropout);
    this.value = new Linear(embedding, attention);
    this.gate = new Linear(embedding, attention);
    this.score = new Linear(attention, 1);
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
