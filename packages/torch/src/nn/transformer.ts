/** Transformer encoder, batch first. Vaswani et al., NeurIPS 2017; norm first: Xiong et al., ICML 2020. */
import { wholeNumber } from "../checks.js";
import { getGeneratorState, setGeneratorState } from "../random.js";
import type { Tensor } from "../tensor.js";
import { MultiheadAttention } from "./attention.js";
import { Dropout } from "./dropout.js";
import { LayerNorm } from "./layer-norm.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";
import { ModuleList } from "./sequential.js";

export interface TransformerLayerOptions {
  width: number;
  heads: number;
  /** Width of the hidden layer, default 2048. */
  feedForward?: number;
  /** Default 0.1. */
  dropout?: number;
  activation?: "relu" | "gelu";
  /** Normalises before attention and feed-forward instead of after them. */
  normFirst?: boolean;
  eps?: number;
}

export interface TransformerInput {
  /** bool, B, S: true where a position is padding. */
  keyPaddingMask?: Tensor | null;
}

export class TransformerEncoderLayer extends Module {
  readonly self_attn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly activation: "relu" | "gelu";
  readonly normFirst: boolean;

  constructor({
    width,
    heads,
    feedForward = 2048,
    dropout = 0.1,
    activation = "relu",
    normFirst = false,
    eps = 1e-5,
  }: TransformerLayerOptions) {
    super();
    this.self_attn = new MultiheadAttention(width, heads, { dropout });
    this.linear1 = new Linear(width, feedForward);
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(feedForward, width);
    this.norm1 = new LayerNorm(width, { eps });
    this.norm2 = new LayerNorm(width, { eps });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.activation = activation;
    this.normFirst = normFirst;
  }

  /** x_BSE → the same shape */
  forward(x_BSE: Tensor, input: TransformerInput = {}): Tensor {
    if (this.normFirst) {
      const attended_BSE = x_BSE.add(this.#attend(this.norm1.forward(x_BSE), input));
      return attended_BSE.add(this.#feedForward(this.norm2.forward(attended_BSE)));
    }
    const attended_BSE = this.norm1.forward(x_BSE.add(this.#attend(x_BSE, input)));
    return this.norm2.forward(attended_BSE.add(this.#feedForward(attended_BSE)));
  }

  #attend(x_BSE: Tensor, { keyPaddingMask = null }: TransformerInput): Tensor {
    return this.dropout1.forward(this.self_attn.forward(x_BSE, { keyPaddingMask }).output);
  }

  #feedForward(x_BSE: Tensor): Tensor {
    const hidden = this.linear1.forward(x_BSE);
    const active = this.activation === "relu" ? hidden.relu() : hidden.gelu();
    return this.dropout2.forward(this.linear2.forward(this.dropout.forward(active)));
  }
}

export interface TransformerOptions extends TransformerLayerOptions {
  depth: number;
  /** Adds a final LayerNorm over the output, named `norm`. Default false. */
  finalNorm?: boolean;
}

/** `depth` layers that start, as PyTorch's copies do, from the same weights. */
export class TransformerEncoder extends Module {
  readonly layers: ModuleList<TransformerEncoderLayer>;
  readonly norm: LayerNorm | null;

  constructor({ depth, finalNorm = false, ...layer }: TransformerOptions) {
    super();
    wholeNumber("depth", depth, [0, 1000], "TransformerEncoder");
    const draws = getGeneratorState();
    this.layers = new ModuleList();
    for (let k = 0; k < depth; k++) {
      setGeneratorState(draws);
      this.layers.push(new TransformerEncoderLayer(layer));
    }
    draws.dispose();
    this.norm = finalNorm
      ? new LayerNorm(layer.width, layer.eps === undefined ? {} : { eps: layer.eps })
      : null;
  }

  /** x_BSE → the same shape */
  forward(x_BSE: Tensor, input: TransformerInput = {}): Tensor {
    let y_BSE = x_BSE;
    for (const layer of this.layers) y_BSE = layer.forward(y_BSE, input);
    return this.norm?.forward(y_BSE) ?? y_BSE;
  }
}
