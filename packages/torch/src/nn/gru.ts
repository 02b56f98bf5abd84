import { wholeNumber } from "../checks.js";
import { empty, zeros } from "../creation.js";
import { ArgumentError } from "../errors.js";
import { cat, dropout, gru } from "../functional.js";
import type { Tensor } from "../tensor.js";
import { uniform_ } from "./init.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

export interface GRUOptions {
  layers?: number;
  bidirectional?: boolean;
  /** Dropout probability between layers, during training. */
  dropout?: number;
}

/**
 * Gated recurrent unit, batch first. Cho et al., EMNLP 2014, with PyTorch's reset gate (after the product).
 * B batch, S steps, I inputs, H hidden, L layers times directions. Parameters: weight_ih_l0, weight_hh_l0, bias_ih_l0,
 * bias_hh_l0, the same with `_reverse`, then layer 1, ….
 */
export class GRU extends Module {
  readonly layers: number;
  readonly bidirectional: boolean;
  readonly dropout: number;
  readonly #parameters = new Map<string, Parameter>();

  constructor(
    readonly inputSize: number,
    readonly hiddenSize: number,
    { layers = 1, bidirectional = false, dropout: p = 0 }: GRUOptions = {},
  ) {
    super();
    this.layers = wholeNumber("layers", layers, [1, 1000], "GRU");
    this.bidirectional = bidirectional;
    this.dropout = p;
    for (let layer = 0; layer < layers; layer++) {
      const inputs = layer === 0 ? inputSize : hiddenSize * this.#directions.length;
      for (const direction of this.#directions) this.#addCell(`l${layer}${direction}`, inputs);
    }
    const bound = hiddenSize > 0 ? 1 / Math.sqrt(hiddenSize) : 0;
    for (const parameter of this.#parameters.values()) uniform_(parameter, -bound, bound);
  }

  protected override registry(): Iterable<[string, unknown]> {
    return this.#parameters;
  }

  /** @param hidden_LBH default zeros   @returns output_BSH (both directions side by side) and the last hidden_LBH */
  forward(x_BSI: Tensor, hidden_LBH: Tensor | null = null): { output: Tensor; hidden: Tensor } {
    if (x_BSI.dim !== 3)
      throw new ArgumentError(
        `x: expected 3 dimensions (batch, steps, inputs), received shape [${x_BSI.shape.join(", ")}]`,
        "GRU",
      );
    const directions = this.#directions.length;
    const start =
      hidden_LBH ??
      zeros([this.layers * directions, x_BSI.size(0), this.hiddenSize], {
        dtype: x_BSI.dtype,
        device: x_BSI.device,
      });
    const last: Tensor[] = [];
    let output = x_BSI;
    for (let layer = 0; layer < this.layers; layer++) {
      const input = layer === 0 ? output : dropout(output, this.dropout, this.training);
      const hidden = start.narrow(0, layer * directions, directions);
      const step = gru(input, hidden, this.#cells(layer), {
        layers: 1,
        training: this.training,
        bidirectional: this.bidirectional,
      });
      output = step.output;
      last.push(step.hidden);
    }
    return { output, hidden: cat(last) };
  }

  get #directions(): string[] {
    return this.bidirectional ? ["", "_reverse"] : [""];
  }

  #addCell(suffix: string, inputs: number): void {
    const gates = 3 * this.hiddenSize;
    this.#parameters.set(`weight_ih_${suffix}`, new Parameter(empty([gates, inputs])));
    this.#parameters.set(`weight_hh_${suffix}`, new Parameter(empty([gates, this.hiddenSize])));
    this.#parameters.set(`bias_ih_${suffix}`, new Parameter(empty([gates])));
    this.#parameters.set(`bias_hh_${suffix}`, new Parameter(empty([gates])));
  }

  #cells(layer: number): Parameter[] {
    const perLayer = 4 * this.#directions.length;
    return [...this.#parameters.values()].slice(layer * perLayer, (layer + 1) * perLayer);
  }
}
