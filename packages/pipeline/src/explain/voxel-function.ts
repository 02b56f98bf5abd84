/** A 3D model as a function of one volume. H height, W width, D slices of its input, K classes. */
import { cat, functional as F, grad, noGrad, scope, type Tensor } from "@slicestack/torch";
import type { TaskVolume } from "../data/task.js";
import type { VolumeStore } from "../input/volumes.js";
import type { VolumeModel } from "../models/networks/volume-model.js";
import { targetLayer, type TargetLayer } from "./layers.js";
import { logOdds } from "./log-odds.js";
import { voxelsToVolume } from "./placement.js";
import { recordOutputs } from "./tap.js";
import type { BaselineKind, Gradient, Occluded, Prediction, VolumeFunction } from "./volume-function.js";

export interface VoxelFunctionOptions {
  model: VolumeModel;
  store: VolumeStore;
  /** Height and width of the stored slices. */
  stored: readonly [number, number];
}

export class VoxelFunction implements VolumeFunction {
  readonly explained = "3d: log-odds of the class by the 3D model";
  readonly #model: VolumeModel;
  readonly #store: VolumeStore;
  readonly #stored: readonly [number, number];

  /** Sets the model to evaluation mode, and its parameters to require no gradient. */
  constructor({ model, store, stored }: VoxelFunctionOptions) {
    this.#model = model.eval().requiresGrad_(false);
    this.#store = store;
    this.#stored = stored;
  }

  layer(name: string | null): TargetLayer {
    const [height, width] = this.#model.size;
    return targetLayer(this.#model, [height, width], name);
  }

  input(volume: TaskVolume): Tensor {
    return this.#store.unit([volume]);
  }

  baseline(unit_11HWD: Tensor, kind: BaselineKind): Tensor {
    return scope(() => {
      const zeros = unit_11HWD.mul(0);
      if (kind === "mean") return zeros.add(unit_11HWD.mean());
      return zeros.add(Math.min(1, Math.max(0, this.#store.transform.air as number)));
    });
  }

  predict(unit_11HWD: Tensor): Prediction {
    return scope(() =>
      noGrad(() => ({ probabilities_K: this.#read(unit_11HWD).exp().toArray(), sliceWeights: null })),
    );
  }

  score(unit_11HWD: Tensor, target: number): number {
    return scope(() => noGrad(() => logOdds(this.#read(unit_11HWD), target).item()));
  }

  gradient(unit_11HWD: Tensor, target: number, layer: TargetLayer | null): Gradient {
    return scope(() => {
      const leaf_11HWD = unit_11HWD.detach().requiresGrad_();
      const run = () => logOdds(this.#read(leaf_11HWD), target).sum();
      const { result, outputs } =
        layer === null ? { result: run(), outputs: [] } : recordOutputs(layer.module, run);
      const [activation] = outputs;
      const [input, gradient] = grad(
        [result],
        [leaf_11HWD, ...(activation === undefined ? [] : [activation])],
      );
      const zerosLike = (like: Tensor) => like.detach().mul(0);
      return {
        score: result.item(),
        input: input ?? zerosLike(leaf_11HWD),
        maps:
          activation === undefined
            ? null
            : { activation: activation.detach(), gradient: gradient ?? zerosLike(activation) },
      };
    });
  }

  occluded(unit_11HWD: Tensor, target: number): Occluded {
    const air = Array.from({ length: unit_11HWD.size(4) }, (_, slice) =>
      scope(() => this.score(withoutSlice(unit_11HWD, this.baseline(unit_11HWD, "air"), slice), target)),
    );
    return { leftOut: null, air };
  }

  planes(values_11HWD: Tensor): Tensor {
    return values_11HWD.select(0, 0).select(0, 0).permute(2, 0, 1).contiguous();
  }

  spread(mask_DHW: Tensor): Tensor {
    return mask_DHW.permute(1, 2, 0).unsqueeze(0).unsqueeze(0);
  }

  /** Maps of volume_cnn's trunk are 2D, one per slice. */
  enlarged(cam: Tensor, unit_11HWD: Tensor): Tensor {
    const [, , height = 0, width = 0, depth = 0] = unit_11HWD.shape;
    return scope(() => {
      if (cam.dim === 3)
        return F.interpolate(cam.unsqueeze(1), [height, width], { mode: "bilinear" }).squeeze(1);
      const large_11HWD = F.interpolate(cam.unsqueeze(1), [height, width, depth], { mode: "trilinear" });
      return this.planes(large_11HWD);
    });
  }

  storedMap(volume: TaskVolume, map_DHW: Tensor): Tensor {
    return scope(() => voxelsToVolume(map_DHW.permute(1, 2, 0), volume, this.#store.transform, this.#stored));
  }

  storedValues(volume: TaskVolume, values_11HWD: Tensor): Tensor {
    return scope(() => this.storedMap(volume, this.planes(values_11HWD)));
  }

  places({ count }: TaskVolume): (number | null)[] {
    const { size, fit } = this.#store.transform;
    const depth = size?.[2] ?? count;
    const before = count >= depth ? Math.floor((count - depth) / 2) : -Math.floor((depth - count) / 2);
    return Array.from({ length: depth }, (_, k) => {
      const place = fit === "pad" ? k + before : ((k + 0.5) * count) / depth - 0.5;
      return place > -0.5 && place < count - 0.5 ? place : null;
    });
  }

  #read(unit_11HWD: Tensor): Tensor {
    return this.#model.outputs.logProbabilities(this.#model.forward(this.#store.normalise(unit_11HWD)));
  }
}

/** The input with one slice replaced by air. */
function withoutSlice(unit_11HWD: Tensor, air_11HWD: Tensor, slice: number): Tensor {
  const after = unit_11HWD.size(4) - slice - 1;
  return cat(
    [unit_11HWD.narrow(4, 0, slice), air_11HWD.narrow(4, slice, 1), unit_11HWD.narrow(4, slice + 1, after)],
    4,
  );
}
