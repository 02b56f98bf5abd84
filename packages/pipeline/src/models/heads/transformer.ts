/**
 * A transformer encoder over the slices, norm first, with sinusoidal positions in slice order, then a weighted mean.
 * Vaswani et al.: Attention Is All You Need, NeurIPS 2017 (positions: section 3.5); norm first: Xiong et al., ICML 2020.
 * B volumes, S slices, E embedding, H width, K classes.
 */
import { arange, fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import { Dropout, Linear, TransformerEncoder } from "@slicestack/torch/nn";
import { ModelError } from "../common/model-error.js";
import { Head, type HeadOptions, type HeadOutput } from "./head.js";
import { onlyPresent, SlicePool } from "./slice-pool.js";
import { defineHead } from "../component.js";
import { z } from "zod";
import { atLeast, key } from "../../config/notes.js";

const attentionHeads = 4;

export class TransformerHead extends Head {
  readonly project: Linear;
  readonly drop: Dropout;
  readonly encoder: TransformerEncoder;
  readonly pool: SlicePool;
  readonly classifier: Linear;

  /** @param options width H, a multiple of 4 */
  constructor({
    embedding,
    classes,
    dropout,
    width,
    layers,
  }: HeadOptions & { width: number; layers: number }) {
    super();
    if (width % attentionHeads !== 0)
      throw new ModelError(
        "transformer",
        `expected a width that is a multiple of its ${attentionHeads} attention heads, received ${width}`,
        `Choose ${Math.ceil(width / attentionHeads) * attentionHeads}.`,
      );
    this.project = new Linear(embedding, width);
    this.drop = new Dropout(dropout);
    this.encoder = new TransformerEncoder({
      depth: layers,
      width,
      heads: attentionHeads,
      feedForward: 2 * width,
      dropout,
      normFirst: true,
      finalNorm: true,
    });
    this.pool = new SlicePool(width);
    this.classifier = new Linear(width, classes);
  }

  override forward(embedding_BSE: Tensor, mask_BS: Tensor): HeadOutput {
    const projected_BSH = this.project.forward(onlyPresent(embedding_BSE, mask_BS));
    const positioned_BSH = projected_BSH.add(positions(projected_BSH));
    const hidden_BSH = this.encoder.forward(this.drop.forward(positioned_BSH), {
      keyPaddingMask: mask_BS.logicalNot(),
    });
    const { pooled_BH, weight_BS } = this.pool.forward(hidden_BSH, mask_BS);
    return { logits_BK: this.classifier.forward(pooled_BH), sliceWeight_BS: weight_BS };
  }
}

/**
 * Sine and cosine of the slice's number at wavelengths from 2π to 2π·10000, in turn: S x H. They are computed by the
 * engine, so that an exported graph has them for any number of slices.
 */
function positions(x_BSH: Tensor): Tensor {
  const [, slices = 0, width = 0] = x_BSH.shape;
  const { dtype, device } = x_BSH;
  const float64 = { dtype: "float64", device } as const;
  const row_1H = (value: (channel: number) => number) =>
    fromTypedArray(
      Float64Array.from({ length: width }, (_, channel) => value(channel)),
      [1, width],
      float64,
    );
  return scope(() => {
    const rate_1H = row_1H((channel) => 10000 ** (-(channel - (channel % 2)) / width));
    const shift_1H = row_1H((channel) => (channel % 2) * (Math.PI / 2)); // cos x = sin(x + π/2)
    const slice_S1 = arange(0, slices, 1, float64).unsqueeze(1);
    return slice_S1.mul(rate_1H).add(shift_1H).sin().to({ dtype });
  });
}

export const transformer = defineHead({
  name: "transformer",
  source: "Vaswani et al., NeurIPS 2017; Xiong et al., ICML 2020",
  architecture: "2 encoder layers of width 128, sinusoidal positions, K",
  options: z.strictObject({
    width: key(z.int().min(1).default(128), atLeast(1), "Width of the layers"),
    layers: key(z.int().min(1).default(2), atLeast(1), "Number of layers"),
  }),
  planned: "slices of three planes",
  create: ({ outputs, ...shape }, options) => new TransformerHead({ ...shape, classes: outputs, ...options }),
});
