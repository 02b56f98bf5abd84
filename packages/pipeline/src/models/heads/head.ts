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

/** Settings that some heads have; null or absent: the head's own default. One that a head does not have is refused. */
export interface HeadSettings {
  /** topk: slices whose scores are averaged. */
  k?: number | null;
  /** attention, conv1d, gru, transformer: width of the hidden layer. */
  width?: number | null;
  /** conv1d, gru, transformer: layers before the pooling. */
  layers?: number | null;
}

export interface HeadOptions extends HeadSettings {
  embedding: number;
  /** Slices of the deepest volume. */
  slices: number;
  classes: number;
  dropout: number;
}

export abstract class Head extends Module {
  /** How its outputs are read; the registry sets what the loss asks for. */
  outputs: ClassOutputs = softmaxOutputs;

  /**
   * @param features_BS embedding_BSE; maps_BSFhw for maps_3d
   * @param mask_BS bool, true where a slice exists; padded slices have no influence
   */
  abstract forward(features_BS: Tensor, mask_BS: Tensor): HeadOutput;
}
