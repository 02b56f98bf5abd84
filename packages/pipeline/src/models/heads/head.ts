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

/** Options of heads that the section `volume` has beside the head; null or absent: the head's own default. */
export interface HeadSettings {
  k?: number | null;
  width?: number | null;
  layers?: number | null;
}

export interface HeadOptions {
  embedding: number;
  /** Slices of the deepest volume. */
  slices: number;
  classes: number;
  dropout: number;
}

export abstract class Head extends Module {
  /** What `forward` gets of each slice: its embedding, or the trunk's last maps. Set where the head is created. */
  sees: "embedding" | "maps" = "embedding";
  /** How its outputs are read; set to what the loss asks for where the head is created. */
  outputs: ClassOutputs = softmaxOutputs;

  /**
   * @param features_BS embedding_BSE; maps_BSFhw for a head that sees maps
   * @param mask_BS bool, true where a slice exists; padded slices have no influence. null, which only a head that sees
   *   maps is given: all exist
   */
  abstract forward(features_BS: Tensor, mask_BS: Tensor | null): HeadOutput;
}
