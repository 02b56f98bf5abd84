/**
 * A trained model as a function of one volume, differentiable from the voxels that it sees to its decision.
 * P planes of H x W: the slices that a slice model sees, or the slices of a 3D model's input; K classes.
 */
import type { Tensor } from "@slicestack/torch";
import type { TaskVolume } from "../data/task.js";
import type { TargetLayer } from "./layers.js";

export type BaselineKind = "air" | "mean";

/** What a layer gave, and the gradient of the score with respect to it: N x C x h x w, or 1 x C x h x w x d. */
export interface LayerMaps {
  activation: Tensor;
  gradient: Tensor;
}

export interface Gradient {
  /** Log-odds of the class. */
  score: number;
  /** With respect to what the model sees; of its shape. */
  input: Tensor;
  /** Where a layer was asked for. */
  maps: LayerMaps | null;
}

export interface Prediction {
  probabilities_K: number[];
  /** How much each slice counted, by the head itself; null where it has no such notion. */
  sliceWeights: number[] | null;
}

/** Log-odds of a class, without each plane in turn. */
export interface Occluded {
  /** The head does not see the slice at all; null where a model cannot do without a slice. */
  leftOut: number[] | null;
  /** The slice is air. */
  air: number[];
}

/** Where a plane of the model's input is in the volume: its axial slice, from 0 on (fractions where it was resized); null across. */
export type PlanePlace = number | null;

export interface VolumeFunction {
  /** What it computes, in words for a reader. */
  readonly explained: string;
  /** The layer that Grad-CAM looks at. @throws ExplainError */
  layer(name: string | null): TargetLayer;
  /** What the model sees of a volume, on the scale of its window: unit_PCHW, or unit_11HWD for 3D. */
  input(volume: TaskVolume): Tensor;
  /** Of the shape of `unit`: what is taken for "nothing there". */
  baseline(unit: Tensor, kind: BaselineKind): Tensor;
  predict(unit: Tensor): Prediction;
  /** Log-odds of a class. */
  score(unit: Tensor, target: number): number;
  gradient(unit: Tensor, target: number, layer: TargetLayer | null): Gradient;
  occluded(unit: Tensor, target: number): Occluded;
  /** Values of the shape of `unit` by plane, added up over channels → PHW. */
  planes(values: Tensor): Tensor;
  /** mask_PHW → what `unit` can be multiplied by. */
  spread(mask_PHW: Tensor): Tensor;
  /** Grad-CAM's maps of a layer, larger now → cam_PHW. */
  enlarged(cam: Tensor, unit: Tensor): Tensor;
  /** cam_PHW on the grid of the stored volume: S x H x W. */
  storedMap(volume: TaskVolume, map_PHW: Tensor): Tensor;
  /** Values of the shape of `unit` on the grid of the stored volume: S x H x W, each added where its voxel is. */
  storedValues(volume: TaskVolume, values: Tensor): Tensor;
  places(volume: TaskVolume): PlanePlace[];
}
