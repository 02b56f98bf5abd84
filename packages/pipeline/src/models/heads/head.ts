/** Heads, which the volume stage trains: they classify a volume from the stacked embeddings of its slices. */
import type { Tensor } from "@slicestack/torch";
import { Module } from "@slicestack/torch/nn";
import { softmaxOutputs, type ClassOutputs } from "../outputs.js";

/** B volumes, S slices, E embedding, K outputs: the classes, or values that `outputs` turns into classes. */
export interface HeadOutput {
  logits_BK: Tensor;
  /** How much each slice contributed, rows sum to 1; null if the head does not weight slices. */
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
  /** The input of `forward` for each slice: its embedding, or the last maps of the trunk. Set when the head is created. */
  sees: "embedding" | "maps" = "embedding";
  /** How its outputs are interpreted; set when the head is created, as its loss requires. */
  outputs: ClassOutputs = softmaxOutputs;

  /**
   * @param features_BS embedding_BSE; maps_BSFhw for a head that sees maps
   * @param mask_BS bool, true where a slice exists; padded slices have no influence. Heads on maps may
   *   receive null: all slices exist
   */
  abstract forward(features_BS: Tensor, mask_BS: Tensor | null): HeadOutput;
}
