/**
 * A gated recurrent unit over the slices in both directions, then a weighted mean.
 * Cho et al.: Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014; Schuster, Paliwal, IEEE TSP 45 (1997).
 * Each direction starts at the first slice that exists on its side, as PyTorch's packed sequences do.
 * B volumes, S slices, E embedding, H width of both directions together, K classes.
 */
import { arange, cat, functional as F, where, zeros, type Tensor } from "@slicestack/torch";
import { Dropout, GRU, Linear } from "@slicestack/torch/nn";
import { ModelError } from "../common/model-error.js";
import { Head, type HeadOptions, type HeadOutput } from "./head.js";
import { onlyPresent, SlicePool } from "./slice-pool.js";
import { defineHead } from "../component.js";
import { z } from "zod";
import { atLeast, key } from "../../config/notes.js";

export class GruHead extends Head {
  readonly drop: Dropout;
  readonly gru: GRU;
  readonly pool: SlicePool;
  readonly classifier: Linear;

  /** @param options width H, even */
  constructor({
    embedding,
    classes,
    dropout,
    width,
    layers,
  }: HeadOptions & { width: number; layers: number }) {
    super();
    if (width % 2 !== 0)
      throw new ModelError(
        "gru",
        `expected an even width, half for each direction, received ${width}`,
        `Choose ${width + 1}.`,
      );
    this.drop = new Dropout(dropout);
    this.gru = new GRU(embedding, width / 2, { layers, bidirectional: true, dropout });
    this.pool = new SlicePool(width);
    this.classifier = new Linear(width, classes);
  }

  override forward(embedding_BSE: Tensor, mask_BS: Tensor): HeadOutput {
    const present_BSE = this.drop.forward(onlyPresent(embedding_BSE, mask_BS));
    const hidden_BSH = packed(this.gru, present_BSE, mask_BS);
    const { pooled_BH, weight_BS } = this.pool.forward(hidden_BSH, mask_BS);
    return { logits_BK: this.classifier.forward(this.drop.forward(pooled_BH)), sliceWeight_BS: weight_BS };
  }
}

/** The outputs of a GRU whose two directions see only the slices that exist: x_BSE → y_BSH; the values of other slices are undefined. */
function packed(gru: GRU, x_BSE: Tensor, mask_BS: Tensor): Tensor {
  const orders = [orderOf(mask_BS, 1), orderOf(mask_BS, -1)];
  const cells = [...gru.namedParameters().values()];
  let y_BSH = x_BSE;
  for (let layer = 0; layer < gru.layers; layer++) {
    const input_BSI = layer === 0 ? y_BSH : F.dropout(y_BSH, gru.dropout, gru.training);
    const outputs = orders.map((order, direction) => {
      const start_1BH = zeros([1, x_BSE.size(0), gru.hiddenSize], {
        dtype: x_BSE.dtype,
        device: x_BSE.device,
      });
      const parameters = cells.slice((2 * layer + direction) * 4, (2 * layer + direction) * 4 + 4);
      const run = { layers: 1, training: gru.training, bidirectional: false };
      const { output } = F.gru(reordered(input_BSI, order.order_BS), start_1BH, parameters, run);
      return reordered(output, order.inverse_BS);
    });
    y_BSH = cat(outputs, 2);
  }
  return y_BSH;
}

/** An order with the slices that exist first, in one direction, followed by the others; and its inverse. */
function orderOf(mask_BS: Tensor, direction: 1 | -1): { order_BS: Tensor; inverse_BS: Tensor } {
  const slices = mask_BS.size(1);
  const index_S = arange(0, slices, 1, { dtype: "int64", device: mask_BS.device });
  const order_BS = where(mask_BS, index_S.mul(direction), index_S.add(slices)).sort(1).indices;
  return { order_BS, inverse_BS: order_BS.sort(1).indices };
}

/** Reorders the slices of each volume: x_BSI, order_BS → y_BSI */
function reordered(x_BSI: Tensor, order_BS: Tensor): Tensor {
  return x_BSI.gather(1, order_BS.unsqueeze(-1).expand(-1, -1, x_BSI.size(2)));
}

export const gru = defineHead({
  name: "gru",
  source: "Cho et al., EMNLP 2014",
  architecture: "GRU in both directions, width 128, K",
  options: z.strictObject({
    width: key(z.int().min(1).default(128), atLeast(1), "Units in each direction"),
    layers: key(z.int().min(1).default(1), atLeast(1), "Number of layers"),
  }),
  create: ({ outputs, ...shape }, options) => new GruHead({ ...shape, classes: outputs, ...options }),
});
