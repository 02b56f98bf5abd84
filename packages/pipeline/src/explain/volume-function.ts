/**
 * A trained model as a function of one volume, differentiable from its input to its decision.
 * P planes of H x W: the slices of a slice model's or a 3D model's input; K classes.
 */
import type { Tensor } from "@slicestack/torch";
import type { TaskVolume } from "../data/task.js";
import type { TargetLayer } from "./layers.js";

export type BaselineKind = "air" | "mean";

/** The output of a layer, and the gradient of the score with respect to it: N x C x h x w, or 1 x C x h x w x d. */
export interface LayerMaps {
  activation: Tensor;
  gradient: Tensor;
}

export interface Gradient {
  /** Log-odds of the class. */
  score: number;
  /** With respect to the model's input; same shape. */
  input: Tensor;
  /** Of the layer; null if none was requested. */
  maps: LayerMaps | null;
}

export interface Prediction {
  probabilities_K: number[];
  /** Weight of each slice by the head; null if the head has no such weights. */
  sliceWeights: number[] | null;
}

/** Log-odds of a class with each plane removed in turn. */
export interface Occluded {
  /** The slice is left out of the head's input; null if the model needs all slices. */
  leftOut: number[] | null;
  /** The slice is replaced by air. */
  air: number[];
}

/** Index of the axial slice of an input plane, from 0 (fractional after resizing); null for coronal and sagittal planes. */
export type PlanePlace = number | null;

export interface VolumeFunction {
  /** The computed quantity, in words for a reader. */
  readonly explained: string;
  /** The layer for Grad-CAM. @throws ExplainError */
  layer(name: string | null): TargetLayer;
  /** The model's input for a volume, on the scale of its window: unit_PCHW, or unit_11HWD for 3D. */
  input(volume: TaskVolume): Tensor;
  /** An input without content; same shape as `unit`. */
  baseline(unit: Tensor, kind: BaselineKind): Tensor;
  predict(unit: Tensor): Prediction;
  /** Log-odds of a class. */
  score(unit: Tensor, target: number): number;
  gradient(unit: Tensor, target: number, layer: TargetLayer | null): Gradient;
  occluded(unit: Tensor, target: number): Occluded;
  /** Values of the shape of `unit` by plane, summed over channels → PHW. */
  planes(values: Tensor): Tensor;
  /** mask_PHW → a mask that can be multiplied with `unit`. */
  spread(mask_PHW: Tensor): Tensor;
  /** Grad-CAM of a layer, resized to the input → cam_PHW. */
  enlarged(cam: Tensor, unit: Tensor): Tensor;
  /** cam_PHW on the grid of the stored volume: S x H x W. */
  storedMap(volume: TaskVolume, map_PHW: Tensor): Tensor;
  /** Values of the shape of `unit` on the grid of the stored volume: S x H x W, each added where its voxel is. */
  storedValues(volume: TaskVolume, values: Tensor): Tensor;
  places(volume: TaskVolume): PlanePlace[];
}
