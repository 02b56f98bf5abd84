/** What the volume stage trains: from the stacked slice embeddings of a volume to its class. */
import type { Tensor } from "@slicestack/torch";
import { Module } from "@slicestack/torch/nn";
import { softmaxOutputs, type ClassOutputs } from "../outputs.js";

/** B volumes, S slices, E embedding, K outputs: the classes, or what `outputs` makes classes of. */
export interface HeadOutput {
  logits_BK: Tensor;
  /** How much each slice counted, rows sum to 1; null where a head has no such notion. */
  sliceWeight_BS: Tensor | null;
}

export interface HeadOptions {
  embedding: number;
  /** Slices of the deepest volume. */
  slices: number;
  classes: number;
  dropout: number;
}

export abstract class Head extends Module {
  /** How its outputs are read; the registry sets what the loss asks for. */
  outputs: ClassOutputs = softmaxOutputs;

  /** @param mask_BS bool, true where a slice exists; padded slices have no influence */
  abstract forward(embedding_BSE: Tensor, mask_BS: Tensor): HeadOutput;
}
