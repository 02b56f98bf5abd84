/**
 * 1D convolution over slices: layers of kernel 3 along the slice order with ReLU and dropout, then a weighted mean.
 * A slice is seen with its neighbours; a slice that is not there is zero, as beyond the ends of the volume.
 * B volumes, S slices, E embedding, H width, K classes.
 */
import type { Tensor } from "@slicestack/torch";
import { Conv1d, Dropout, Linear, ModuleList } from "@slicestack/torch/nn";
import { Head, type HeadOptions, type HeadOutput } from "./head.js";
import { onlyPresent, SlicePool } from "./slice-pool.js";

export class Conv1dHead extends Head {
  readonly drop: Dropout;
  readonly convs: ModuleList<Conv1d>;
  readonly pool: SlicePool;
  readonly classifier: Linear;

  /** @param options width H, default 64; layers, default 2 */
  constructor({ embedding, classes, dropout, width, layers }: HeadOptions) {
    super();
    const hidden = width ?? 64;
    this.drop = new Dropout(dropout);
    this.convs = new ModuleList(
      Array.from(
        { length: layers ?? 2 },
        (_, k) => new Conv1d(k === 0 ? embedding : hidden, hidden, 3, { padding: 1 }),
      ),
    );
    this.pool = new SlicePool(hidden);
    this.classifier = new Linear(hidden, classes);
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
