/**
 * The weighted mean over slices at the end of the sequence heads: one learned score per slice, softmax over existing slices.
 * Hassani et al.: Escaping the Big Data Paradigm with Compact Transformers, arXiv 2104.05704, section 3.2 ("SeqPool").
 * B volumes, S slices, H width.
 */
import type { Tensor } from "@slicestack/torch";
import { Linear, Module } from "@slicestack/torch/nn";

export class SlicePool extends Module {
  readonly score: Linear;

  constructor(width: number) {
    super();
    this.score = new Linear(width, 1);
  }

  forward(hidden_BSH: Tensor, mask_BS: Tensor): { pooled_BH: Tensor; weight_BS: Tensor } {
    const score_BS = this.score.forward(hidden_BSH).squeeze(-1).maskedFill(mask_BS.logicalNot(), -Infinity);
    const weight_BS = score_BS.softmax(1);
    return { pooled_BH: weight_BS.unsqueeze(1).matmul(hidden_BSH).squeeze(1), weight_BS };
  }
}

/** Sets the embeddings of slices that do not exist to zero. */
export function onlyPresent(embedding_BSE: Tensor, mask_BS: Tensor): Tensor {
  return embedding_BSE.maskedFill(mask_BS.logicalNot().unsqueeze(-1), 0);
}
