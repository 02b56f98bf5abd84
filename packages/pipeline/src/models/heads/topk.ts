/**
 * Top-k: each slice is scored for each class, and a class gets the mean of its k highest scores. The order of slices is ignored.
 * k = 1 is the max, k = S the mean of multiple-instance learning; Li, Vasconcelos: Multiple Instance Learning for Soft Bags
 * via Top Instances, CVPR 2015.
 * B volumes, S slices, E embedding, K classes.
 */
import { zeros, type Tensor } from "@slicestack/torch";
import { Dropout, Linear } from "@slicestack/torch/nn";
import { Head, type HeadOptions, type HeadOutput } from "./head.js";
import { defineHead } from "../component.js";
import { z } from "zod";
import { atLeast, key } from "../../config/notes.js";

export class TopKHead extends Head {
  readonly k: number;
  readonly drop: Dropout;
  readonly classifier: Linear;

  /** @param options k; of a volume with fewer slices, all are used */
  constructor({ embedding, classes, dropout, k }: HeadOptions & { k: number }) {
    super();
    this.k = k;
    this.drop = new Dropout(dropout);
    this.classifier = new Linear(embedding, classes);
  }

  /** The weight of a slice is how often it is among the k highest, over the classes. */
  override forward(embedding_BSE: Tensor, mask_BS: Tensor): HeadOutput {
    const score_BSK = this.classifier.forward(this.drop.forward(embedding_BSE));
    const absent_BS1 = mask_BS.logicalNot().unsqueeze(-1);
    const most = Math.min(this.k, embedding_BSE.size(1));
    const { values: best_BkK, indices: slice_BkK } = score_BSK
      .maskedFill(absent_BS1, -Infinity)
      .topk(most, 1);
    const chosen_BkK = best_BkK.gt(-Infinity);
    const count_B1 = mask_BS.sum(1, true).clamp(1, most);
    const logits_BK = best_BkK.maskedFill(chosen_BkK.logicalNot(), 0).sum(1).div(count_B1);

    const one_BkK = chosen_BkK.to({ dtype: score_BSK.dtype }).div(count_B1.unsqueeze(-1));
    const none_BSK = zeros(score_BSK.shape, { dtype: one_BkK.dtype, device: score_BSK.device });
    return { logits_BK, sliceWeight_BS: none_BSK.scatterAdd(1, slice_BkK, one_BkK).mean(2) };
  }
}

export const topk = defineHead({
  name: "topk",
  source: "Li, Vasconcelos, CVPR 2015",
  architecture: "mean of the k = 8 highest slice scores",
  options: z.strictObject({
    k: key(z.int().min(1).default(8), atLeast(1), "Slices of each class whose scores are averaged"),
  }),
  create: ({ outputs, ...shape }, { k }) => new TopKHead({ ...shape, classes: outputs, k }),
});
