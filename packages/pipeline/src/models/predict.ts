/** Frozen models over slices and volumes: embeddings and probabilities, in evaluation mode, without gradients. */
import { autocast, cat, fromTypedArray, noGrad, scope, stack, type Tensor } from "@slicestack/torch";
import type { Head } from "./heads/head.js";
import type { SliceModel } from "./slice-model.js";
import type { SliceStore } from "./slice-input.js";

/** How a model computes: where, and in which precision. */
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
  model.eval(); // a frozen trunk in training mode would drift (batch norm) and drop
  return scope(() => {
    const parts: Tensor[] = [];
    for (let start = 0; start < indices.length; start += batchSize) {
      const batch = indices.slice(start, start + batchSize);
      parts.push(
        scope(() =>
          noGrad(() => {
            const x_BCHW = store.normalise(store.unit(batch), model.channels);
            return autocast({ device: options.device, enabled: options.bfloat16 }, () => model.embed(x_BCHW)).to({
              dtype: "float32",
            });
          }),
        ),
      );
      options.onBatch?.(start + batch.length);
    }
    return cat(parts);
  });
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

/** embedding_NE, float32, of `embedSlices` → class probabilities, N x K: what a second pass through the trunk would give. */
export function classifyEmbeddings(model: SliceModel, embedding_NE: Tensor, { device, bfloat16 }: Compute): Tensor {
  model.eval();
  return scope(() => {
    const parts = embedding_NE
      .split(batchSize)
      .map((part_BE) => autocast({ device, enabled: bfloat16 }, () => noGrad(() => model.classify(part_BE))));
    return model.outputs.probabilities(cat(parts).to({ dtype: "float32" }));
  });
}

/** A volume's embeddings within a stack of slices. */
export interface StackedVolume {
  offset: number;
  count: number;
}

/** Cuts volumes from slice embeddings and pads them to the deepest: embedding_BSE and mask_BS (true where a slice exists). */
export function stackVolumes(
  embedding_NE: Tensor,
  volumes: readonly StackedVolume[],
  slices = Math.max(...volumes.map((v) => v.count)),
): { embedding_BSE: Tensor; mask_BS: Tensor } {
  return scope(() => {
    const padded = volumes.map(({ offset, count }) =>
      embedding_NE.narrow(0, offset, count).pad([0, 0, 0, slices - count]),
    );
    const mask = Uint8Array.from({ length: volumes.length * slices }, (_, k) =>
      k % slices < (volumes[Math.floor(k / slices)]?.count ?? 0) ? 1 : 0,
    );
    return {
      embedding_BSE: stack(padded),
      mask_BS: fromTypedArray(mask, [volumes.length, slices], { dtype: "bool", device: embedding_NE.device }),
    };
  });
}

/** Class probabilities of volumes, and how much each slice counted (null where the head has no such notion). */
export function predictVolumes(
  head: Head,
  embedding_NE: Tensor,
  volumes: readonly StackedVolume[],
  slices: number,
): { probabilities: number[][]; sliceWeights: number[][] | null } {
  head.eval();
  const probabilities: number[][] = [];
  const sliceWeights: number[][] = [];
  for (let start = 0; start < volumes.length; start += batchSize) {
    scope(() =>
      noGrad(() => {
        const batch = volumes.slice(start, start + batchSize);
        const { embedding_BSE, mask_BS } = stackVolumes(embedding_NE, batch, slices);
        const { logits_BK, sliceWeight_BS } = head.forward(embedding_BSE, mask_BS);
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
