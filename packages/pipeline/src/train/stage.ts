/** What differs between stages; the loop is the same for all (loop.ts). */
import type { Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import type { ParameterGroup } from "@slicestack/torch/optim";
import type { OptimisationConfig } from "../config/types.js";
import type { EpochScores } from "../models/component.js";
import type { StageName } from "../run/folder.js";
import type { StageMemory } from "./checkpoint.js";

/** The validation results of an epoch, from which every metric of the catalogue is computed. */
export type Validation = EpochScores;

/** Consecutive items of a batch. */
export interface Piece {
  first: number;
  count: number;
}

/** T is one item of a batch, I the model input computed from a whole batch. */
export interface Stage<T, I> {
  name: StageName;
  model: Module;
  config: OptimisationConfig;
  /** The batches of an epoch, which depend on the epoch alone. */
  batches: (epoch: number) => T[][];
  /** The smallest number of items that the model can train on; no piece of a batch has fewer. Default 1. */
  leastItems?: number;
  /** The groups of parameters with a learning rate of their own; default: all alike. */
  groups?: (learningRate: number) => ParameterGroup[];
  /** Called before an epoch, also when it is resumed: which parameters are trained in it. */
  chooseTrained?: (epoch: number) => void;
  /** Called before the first step of an epoch; it depends only on the current model, and its changes are kept in `memory`. */
  beginEpoch?: (epoch: number) => void;
  memory?: StageMemory | undefined;
  /**
   * Cuts, augments and mixes a batch. The result does not depend on pieces or processes, because all random draws are made
   * for the whole batch; it depends on batch, epoch and step.
   */
  input: (batch: T[], epoch: number, step: number) => I;
  /** Mean loss over a piece of the input, one value with gradient; 0 for an empty piece, through the whole model. */
  loss: (input: I, piece: Piece) => Tensor;
  /** The weight of a piece in the mean of its batch: the number of its items, or the sum of their weights if the loss is weighted. */
  mass: (input: I, piece: Piece) => number;
  /** Adds `share` times the gradient of the loss to the parameters; default: loss(…).mul(share).backward(). @returns the loss */
  backward?: (input: I, piece: Piece, share: number) => number;
  validate: () => Validation;
  /** Stored with the weights. */
  metadata: Record<string, string>;
}
