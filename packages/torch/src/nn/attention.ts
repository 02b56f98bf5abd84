import { noGrad } from "../autograd.js";
import { empty, zeros } from "../creation.js";
import { ArgumentError } from "../errors.js";
import { dropout, linear } from "../functional.js";
import type { Tensor } from "../tensor.js";
import { xavierUniform_ } from "./init.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

export interface AttentionOptions {
  key?: Tensor;
  value?: Tensor;
  /** bool, B, S: true where a key is padding and gets no weight. A row of only padding gives NaN. */
  keyPaddingMask?: Tensor | null;
  /** Also returns the weights, averaged over the heads. */
  needWeights?: boolean;
}

/**
 * Multi-head scaled dot-product attention, batch first. Vaswani et al., NeurIPS 2017, section 3.2.
 * B batch, T queries, S keys, E embedding, H heads, D = E / H.
 */
export class MultiheadAttention extends Module {
  /** Projections of query, key and value, concatenated: 3E, E. */
  readonly in_proj_weight: Parameter;
  readonly in_proj_bias: Parameter;
  readonly out_proj: Linear;
  /** Dropout probability of attention weights. */
  readonly dropout: number;

  constructor(
    readonly width: number,
    readonly heads: number,
    { dropout: p = 0 } = {},
  ) {
    super();
    if (width % heads !== 0)
      throw new ArgumentError(
        `heads: expected a divisor of width ${width}, received ${heads}`,
        "MultiheadAttention",
      );
    this.dropout = p;
    this.in_proj_weight = new Parameter(empty([3 * width, width]));
    this.in_proj_bias = new Parameter(zeros([3 * width]));
    this.out_proj = new Linear(width, width); // drawn first, as in PyTorch
    xavierUniform_(this.in_proj_weight);
    noGrad(() => this.out_proj.bias?.fill_(0));
  }

  /** @param query_BTE also the default of key and value (B, S, E), which gives self-attention */
  forward(query_BTE: Tensor, options: AttentionOptions = {}): { output: Tensor; weights: Tensor | null } {
    const { key = query_BTE, value = key, keyPaddingMask = null, needWeights = false } = options;
    const [query_BHTD, key_BHSD, value_BHSD] = this.#project(query_BTE, key, value);
    const scaled_BHTD = query_BHTD.mul(1 / Math.sqrt(this.width / this.heads));
    let score_BHTS = scaled_BHTD.matmul(key_BHSD.transpose(-2, -1));
    if (keyPaddingMask !== null)
      score_BHTS = score_BHTS.maskedFill(keyPaddingMask.unsqueeze(1).unsqueeze(2), -Infinity);
    const weight_BHTS = dropout(score_BHTS.softmax(-1), this.dropout, this.training);
    const joined_BTE = weight_BHTS.matmul(value_BHSD).transpose(1, 2).flatten(2);
    return { output: this.out_proj.forward(joined_BTE), weights: needWeights ? weight_BHTS.mean(1) : null };
  }

  #project(query: Tensor, key: Tensor, value: Tensor): [Tensor, Tensor, Tensor] {
    if (key === query && value === query) {
      const [q, k, v] = linear(query, this.in_proj_weight, this.in_proj_bias).chunk(3, -1);
      if (q === undefined || k === undefined || v === undefined)
        throw new ArgumentError("expected three projections", "MultiheadAttention");
      return [this.#split(q), this.#split(k), this.#split(v)];
    }
    const part = (x: Tensor, k: number) => {
      const weight = this.in_proj_weight.narrow(0, k * this.width, this.width);
      return this.#split(linear(x, weight, this.in_proj_bias.narrow(0, k * this.width, this.width)));
    };
    return [part(query, 0), part(key, 1), part(value, 2)];
  }

  // B, S, E → B, H, S, D
  #split(x_BSE: Tensor): Tensor {
    return x_BSE.reshape(x_BSE.size(0), x_BSE.size(1), this.heads, -1).transpose(1, 2);
  }
}
