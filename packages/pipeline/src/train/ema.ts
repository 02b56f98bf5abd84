/**
 * An exponential moving average of a model's weights, which is often better and always smoother than the weights of the last step.
 * Polyak and Juditsky (1992); its decay grows to the configured one as min(decay, (1 + t) / (10 + t)), so that the
 * first steps are soon forgotten. Running statistics are copied unchanged.
 */
import { noGrad, scope, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import type { StageMemory } from "./checkpoint.js";

export class Ema implements StageMemory, Disposable {
  readonly #model: Module;
  readonly #decay: number;
  readonly #mean: Map<string, Tensor>;
  #steps = 0;

  constructor(model: Module, decay: number) {
    this.#model = model;
    this.#decay = decay;
    this.#mean = scope(() => copies(model)).map;
  }

  /** Call after each step of the optimiser. */
  update(): void {
    const decay = Math.min(this.#decay, (1 + this.#steps) / (10 + this.#steps));
    this.#steps++;
    scope(() =>
      noGrad(() => {
        const learnt = this.#model.namedParameters();
        for (const [name, value] of this.#model.stateDict()) {
          const mean = this.#mean.get(name)!;
          if (learnt.has(name)) mean.mul_(decay).add_(value.mul(1 - decay));
          else mean.copy_(value);
        }
      }),
    );
  }

  /** Runs `body` with the averaged weights in the model. */
  instead<T>(body: () => T): T {
    return scope(() => {
      const { map: current } = copies(this.#model);
      noGrad(() => this.#model.loadStateDict(this.#mean));
      try {
        return { value: body() };
      } finally {
        noGrad(() => this.#model.loadStateDict(current));
        for (const tensor of current.values()) tensor.dispose();
      }
    }).value;
  }

  tensors(): Map<string, Tensor> {
    return new Map([...this.#mean].map(([name, tensor]) => [`ema.${name}`, tensor]));
  }

  restore(tensors: ReadonlyMap<string, Tensor>): void {
    noGrad(() => {
      for (const [name, mean] of this.#mean) {
        const kept = tensors.get(`ema.${name}`);
        if (kept !== undefined) mean.copy_(kept);
      }
    });
  }

  /** The number of steps so far, which determines the decay. */
  get steps(): number {
    return this.#steps;
  }
  set steps(steps: number) {
    this.#steps = steps;
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#mean.values()) tensor.dispose();
  }
}

/** The caller's own. */
function copies(model: Module): { map: Map<string, Tensor> } {
  return { map: new Map([...model.stateDict()].map(([name, tensor]) => [name, tensor.clone().keep()])) };
}
