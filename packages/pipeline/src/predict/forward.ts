/** Applies frozen models to slices and volumes: embeddings and probabilities, in evaluation mode, without gradients. */
import { autocast, cat, fromTypedArray, noGrad, scope, stack, type Tensor } from "@slicestack/torch";
import type { Head } from "../models/heads/head.js";
import type { SliceModel } from "../models/trunks/slice-model.js";
import type { VolumeRecord } from "../data/volume-record.js";
import type { SliceStore } from "../input/slices.js";
import type { VolumeStore } from "../input/volumes.js";
import type { VolumeModel } from "../models/networks/volume-model.js";

/** The device and the precision in which a model computes. */
export interface Compute {
  device: string;
  bfloat16: boolean;
}

const batchSize = 128;

export interface PredictOptions extends Compute {
  onBatch?: (done: number) => void;
}

/** Embeddings of the slices at `indices`, N x E, float32. The model is put into evaluation mode. */
export function embedSlices(
  model: SliceModel,
  store: SliceStore,
  indices: readonly number[],
  options: PredictOptions,
): Tensor {
  return batched(model, store, indices, options, (x_BCHW) => model.embed(x_BCHW), { dtype: "float32" });
}

/** The same for slices that are already cut and augmented: unit_NCHW → embedding_NE, float32. */
export function embedInput(
  model: SliceModel,
  store: SliceStore,
  unit_NCHW: Tensor,
  compute: Compute,
): Tensor {
  model.eval();
  return scope(() =>
    cat(
      unit_NCHW.split(batchSize).map((unit_BCHW) =>
        scope(() =>
          frozen(model, store, unit_BCHW, compute, (x_BCHW) => model.embed(x_BCHW)).to({
            dtype: "float32",
          }),
        ),
      ),
    ),
  );
}

/** The last feature maps of the slices at `indices`, N x F x h x w on the CPU, in the precision that the trunk computes in. */
export function mapsOfSlices(
  model: SliceModel,
  store: SliceStore,
  indices: readonly number[],
  options: PredictOptions,
): Tensor {
  const kept = { dtype: options.bfloat16 ? "bfloat16" : "float32", device: "cpu" } as const;
  return batched(model, store, indices, options, (x_BCHW) => model.featureMaps(x_BCHW), kept);
}

/** Applies the trunk to the slices at `indices` in batches. */
function batched(
  model: SliceModel,
  store: SliceStore,
  indices: readonly number[],
  options: PredictOptions,
  pass: (x_BCHW: Tensor) => Tensor,
  kept: Parameters<Tensor["to"]>[0],
): Tensor {
  model.eval(); // in training mode, batch norm would change and dropout would be active
  return scope(() => {
    const parts: Tensor[] = [];
    for (let start = 0; start < indices.length; start += batchSize) {
      const batch = indices.slice(start, start + batchSize);
      parts.push(scope(() => frozen(model, store, store.unit(batch), options, pass).to(kept).contiguous()));
      options.onBatch?.(start + batch.length);
    }
    return cat(parts);
  });
}

/** unit_BCHW, normalised, through the trunk without gradients. */
function frozen(
  model: SliceModel,
  store: SliceStore,
  unit_BCHW: Tensor,
  { device, bfloat16 }: Compute,
  pass: (x_BCHW: Tensor) => Tensor,
): Tensor {
  return noGrad(() =>
    autocast({ device, enabled: bfloat16 }, () => pass(store.normalise(unit_BCHW, model.channels))),
  );
}

/** Class probabilities of the slices at `indices`, N x K, float32. */
export function predictSlices(
  model: SliceModel,
  store: SliceStore,
  indices: readonly number[],
  options: PredictOptions,
): Tensor {
  return scope(() => classifyEmbeddings(model, embedSlices(model, store, indices, options), options));
}

/** embedding_NE, float32, of `embedSlices` → class probabilities, N x K: the same as a second pass through the trunk. */
export function classifyEmbeddings(
  model: SliceModel,
  embedding_NE: Tensor,
  { device, bfloat16 }: Compute,
): Tensor {
  model.eval();
  return scope(() => {
    const parts = embedding_NE
      .split(batchSize)
      .map((part_BE) => autocast({ device, enabled: bfloat16 }, () => noGrad(() => model.classify(part_BE))));
    return model.outputs.probabilities(cat(parts).to({ dtype: "float32" }));
  });
}

/** A volume's slices within a stack of features. */
export interface StackedVolume {
  offset: number;
  count: number;
}

/**
 * Cuts volumes from slice features and pads them to the deepest: features_BS, i.e. embedding_BSE or maps_BSFhw, and mask_BS
 * (true where a slice exists).
 */
export function stackVolumes(
  features_N: Tensor,
  volumes: readonly StackedVolume[],
  slices = Math.max(...volumes.map((v) => v.count)),
  device = features_N.device,
): { features_BS: Tensor; mask_BS: Tensor } {
  return scope(() => {
    const beside = new Array<number>(2 * (features_N.dim - 1)).fill(0);
    const padded = volumes.map(({ offset, count }) =>
      features_N.narrow(0, offset, count).pad([...beside, 0, slices - count]),
    );
    const mask = Uint8Array.from({ length: volumes.length * slices }, (_, k) =>
      k % slices < (volumes[Math.floor(k / slices)]?.count ?? 0) ? 1 : 0,
    );
    return {
      features_BS: stack(padded).to({ device, dtype: "float32" }),
      mask_BS: fromTypedArray(mask, [volumes.length, slices], { dtype: "bool", device }),
    };
  });
}

// Maps are a thousand times as large as embeddings.
const mapsBatch = 8;

/** Class probabilities of volumes, and how much each slice contributed (null if the head does not weight slices). */
export function predictVolumes(
  head: Head,
  features_N: Tensor,
  volumes: readonly StackedVolume[],
  slices: number,
  device = features_N.device,
): { probabilities: number[][]; sliceWeights: number[][] | null } {
  head.eval();
  const probabilities: number[][] = [];
  const sliceWeights: number[][] = [];
  const size = features_N.dim > 2 ? mapsBatch : batchSize;
  for (let start = 0; start < volumes.length; start += size) {
    scope(() =>
      noGrad(() => {
        const batch = volumes.slice(start, start + size);
        const { features_BS, mask_BS } = stackVolumes(features_N, batch, slices, device);
        const { logits_BK, sliceWeight_BS } = head.forward(features_BS, mask_BS);
        probabilities.push(...rowsOf(head.outputs.probabilities(logits_BK.to({ dtype: "float64" }))));
        if (sliceWeight_BS !== null)
          sliceWeights.push(...rowsOf(sliceWeight_BS).map((row, k) => row.slice(0, batch[k]?.count)));
      }),
    );
  }
  return { probabilities, sliceWeights: sliceWeights.length > 0 ? sliceWeights : null };
}

/** The rows of a 2-dimensional tensor as numbers. */
export function rowsOf(x_NK: Tensor): number[][] {
  const [rows = 0, columns = 0] = x_NK.shape;
  const flat = x_NK.toArray();
  return Array.from({ length: rows }, (_, k) => flat.slice(k * columns, (k + 1) * columns));
}

export interface VoxelOptions extends Compute {
  /** Volumes in a batch. */
  batch: number;
  onBatch?: (done: number) => void;
}

/** Class probabilities of whole volumes by a 3D model, in evaluation mode. */
export function predictVoxels(
  model: VolumeModel,
  store: VolumeStore,
  volumes: readonly Pick<VolumeRecord, "first" | "count">[],
  { device, bfloat16, batch, onBatch }: VoxelOptions,
): { probabilities: number[][] } {
  model.eval();
  const probabilities: number[][] = [];
  for (let start = 0; start < volumes.length; start += batch) {
    scope(() =>
      noGrad(() => {
        const x_B1HWD = store.normalise(store.unit(volumes.slice(start, start + batch)));
        const logits_BO = autocast({ device, enabled: bfloat16 }, () => model.forward(x_B1HWD));
        probabilities.push(...rowsOf(model.outputs.probabilities(logits_BO.to({ dtype: "float64" }))));
      }),
    );
    onBatch?.(Math.min(volumes.length, start + batch));
  }
  return { probabilities };
}
