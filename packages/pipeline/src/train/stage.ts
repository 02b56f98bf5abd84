/** What differs between the stages; the loop is the same for all (loop.ts). */
import type { Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import type { OptimisationConfig } from "../config/types.js";
import type { EpochScores } from "../models/component.js";
import type { StageName } from "../run/folder.js";
import type { StageMemory } from "./checkpoint.js";

/** What an epoch is scored by: each metric of the catalogue takes its value from it. */
export type Validation = EpochScores;

/** Consecutive items of a batch. */
export interface Piece {
  first: number;
  count: number;
}

/** T is one item of a batch, I what a whole batch becomes before the model sees it. */
export interface Stage<T, I> {
  name: StageName;
  model: Module;
  config: OptimisationConfig;
  /** Batches of an epoch: a function of the epoch alone. */
  batches: (epoch: number) => T[][];
  /** Items that the model needs at once in training: no piece of a batch has fewer. Default 1. */
  leastItems?: number;
  /** Before an epoch's first step: a function of the model as it is; what it changes is kept in `memory`. */
  beginEpoch?: (epoch: number) => void;
  memory?: StageMemory | undefined;
  /**
   * A batch cut, augmented and mixed: the same whatever pieces or processes it is computed in, because all draws are made
   * for the whole batch. A function of batch, epoch and step.
   */
  input: (batch: T[], epoch: number, step: number) => I;
  /** Mean loss over a piece of the input, one value with gradient; 0 for an empty piece, through the whole model. */
  loss: (input: I, piece: Piece) => Tensor;
  /** What a piece counts for in the mean of its batch: its items, or their weights where the loss is weighted. */
  mass: (input: I, piece: Piece) => number;
  /** Puts `share` of the loss's gradient into the parameters; default: loss(…).mul(share).backward(). @returns the loss */
  backward?: (input: I, piece: Piece, share: number) => number;
  validate: () => Validation;
  /** Kept beside the weights. */
  metadata: Record<string, string>;
}
