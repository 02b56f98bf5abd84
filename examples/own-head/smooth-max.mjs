/**
 * A head of one's own: a smooth maximum of the slice scores, between their mean (small r) and their maximum (large r).
 * Pinheiro & Collobert, From Image-Level to Pixel-Level Labeling with Convolutional Networks, CVPR 2015, eq. 6.
 * B volumes, S slices, E embedding, K outputs.
 */
import { Linear } from "@slicestack/torch/nn";
import { defineHead, Head, z } from "@slicestack/pipeline/plugins";

class SmoothMaxHead extends Head {
  constructor({ embedding, outputs }, r) {
    super();
    this.r = r;
    this.score = new Linear(embedding, outputs);
  }

  /** @param mask_BS true where a slice exists: volumes of a batch may differ in depth */
  forward(embedding_BSE, mask_BS) {
    const score_BSK = this.score.forward(embedding_BSE).to({ dtype: "float32" });
    const absent_BS1 = mask_BS.logicalNot().unsqueeze(-1);
    const sum_BK = score_BSK.mul(this.r).maskedFill(absent_BS1, -1e4).logsumexp([1]);
    const count_B1 = mask_BS.to({ dtype: "float32" }).sum([1], true);
    return { logits_BK: sum_BK.sub(count_B1.log()).div(this.r), sliceWeight_BS: null };
  }
}

export default defineHead({
  name: "smooth_max",
  source: "Pinheiro & Collobert, CVPR 2015",
  architecture: "smooth maximum of the slice scores, E-K",
  options: z.strictObject({ r: z.number().positive().default(4) }),
  create: (shape, { r }) => new SmoothMaxHead(shape, r),
});
