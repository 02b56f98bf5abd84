/**
 * 2D and 2.5D: the trunk computes the features of every slice, and the head combines them. N slices of all volumes, E embedding.
 * The last layer of the slice model also classifies each slice at almost no cost, because it uses the same embeddings.
 */
import { fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import { spreadOver } from "../data/sampler.js";
import { planesOf } from "../input/schema.js";
import { SliceStore } from "../input/slices.js";
import type { VoxelSource } from "../input/source.js";
import { ModelError } from "../models/common/model-error.js";
import { componentOf } from "../models/component.js";
import type { Head } from "../models/heads/head.js";
import type { SliceModel } from "../models/trunks/slice-model.js";
import { seenOf } from "../models/spec.js";
import { volumeEmbeddings, volumeMaps, type Features, type FeatureSource, type Volume } from "./features.js";
import {
  classifyEmbeddings,
  embedSlices,
  mapsOfSlices,
  predictVolumes,
  rowsOf,
  type Compute,
} from "./forward.js";
import { deciding, type OpenSliceModel } from "./open-model.js";
import type { Evidence, Predicted, Predictor, PredictionOptions, Probabilities } from "./prediction.js";

export class SlicePredictor implements Predictor {
  readonly #model: OpenSliceModel;
  readonly #store: SliceStore;
  readonly #compute: Compute;
  /** The number of slices to which volumes are padded for a head: those of the deepest volume in training or here. */
  readonly #depth: number;

  constructor(model: OpenSliceModel, source: VoxelSource, compute: Compute) {
    this.#model = model;
    this.#compute = compute;
    this.#depth = depthOf(model, source);
    this.#store = new SliceStore(source, { ...model.spec.input, device: compute.device });
  }

  predict(volumes: readonly Volume[], options: PredictionOptions = {}): Predicted {
    checkDepths(this.#model, volumes);
    return scope(() => {
      const { trunk, trunkHash } = this.#model;
      const passes = this.#passes(volumes, options);
      const all = volumeEmbeddings(this.#source(trunk, trunkHash, options), volumes, passes);
      const classified = classifyEmbeddings(
        trunk,
        all.features_N,
        this.#compute,
      ).toTypedArray() as Float32Array;
      const slices = {
        counts: all.volumes.map(({ count }) => count),
        probabilities: Float32Array.from(classified),
      };
      const evidence = volumes.map((volume): Evidence => {
        const places = this.#seen(volume).map((slice) => this.#store.locationOf(volume, slice));
        return { id: volume.id, weights: null, places };
      });
      const predicted: Predicted = { models: [], slices, evidence, embeddings: meansOf(all) };
      this.#addHeads(predicted, volumes, all, options);
      return predicted;
    });
  }

  /** The head of the frozen trunk, followed by trunk and head after fine-tuning. */
  #addHeads(
    predicted: Predicted,
    volumes: readonly Volume[],
    all: Features,
    options: PredictionOptions,
  ): void {
    const { trunk, trunkHash, head, tuned } = this.#model;
    if (head === null) return;
    const passes = this.#passes(volumes, options);
    const features = this.#hasMaps
      ? volumeMaps(this.#source(trunk, trunkHash, options, this.#sampled), volumes, passes)
      : this.#rowsSeen(volumes, all);
    this.#add(predicted, tuned === null ? "2.5d" : "2.5d_frozen", head, features);
    if (tuned === null) return;
    const { joint, hash } = tuned;
    const again = volumeEmbeddings(this.#source(joint.trunk, hash, options, this.#sampled), volumes, passes);
    this.#add(predicted, "2.5d", joint.head, again);
  }

  #add(
    { models, evidence }: Predicted,
    model: string,
    head: Head,
    features: Pick<Features, "features_N" | "volumes">,
  ) {
    const { device } = this.#compute;
    const { features_N, volumes } = features;
    const { probabilities, sliceWeights } = predictVolumes(head, features_N, volumes, this.#depth, device);
    models.push({ model, probabilities } satisfies Probabilities);
    evidence.forEach((each, k) => (each.weights = sliceWeights?.[k] ?? null));
  }

  decide(volume: Volume): number[][] {
    const { trunk, head } = deciding(this.#model);
    return scope(() => {
      if (head === null) {
        const embedding_NE = embedSlices(trunk, this.#store, this.#store.slicesOf(volume), this.#compute);
        return rowsOf(classifyEmbeddings(trunk, embedding_NE, this.#compute));
      }
      const seen = this.#seen(volume);
      const features_N = (this.#hasMaps ? mapsOfSlices : embedSlices)(
        trunk,
        this.#store,
        seen,
        this.#compute,
      );
      const stacked = [{ offset: 0, count: seen.length }];
      return predictVolumes(head, features_N, stacked, this.#depth, this.#compute.device).probabilities;
    });
  }

  embed(volumes: readonly Volume[], options: PredictionOptions = {}): Float32Array[] {
    const { trunk, trunkHash } = this.#model;
    const source = this.#source(trunk, trunkHash, options);
    return scope(() => meansOf(volumeEmbeddings(source, volumes, this.#passes(volumes, options))));
  }

  /** Whether the head works on feature maps instead of embeddings. */
  get #hasMaps(): boolean {
    const { spec } = this.#model;
    return spec.method === "2.5d" && componentOf("head", spec.head.name).sees === "maps";
  }

  get #sampled(): number | null {
    const { spec } = this.#model;
    return spec.method === "2.5d" ? spec.head.sampled : null;
  }

  /** Which slices of a volume the head sees. */
  #seen(volume: Volume): readonly number[] {
    return spreadOver(this.#store.slicesOf(volume), this.#sampled);
  }

  #source(
    model: SliceModel,
    weightsHash: string,
    { contentHash }: PredictionOptions,
    slices: number | null = null,
  ) {
    return {
      model,
      weightsHash,
      store: this.#store,
      datasetHash: contentHash ?? null,
      slices,
    } satisfies FeatureSource;
  }

  #passes(volumes: readonly Volume[], { onBatch }: PredictionOptions) {
    const total = volumes.reduce((sum, volume) => sum + this.#store.slicesOf(volume).length, 0);
    return { ...this.#compute, onBatch: (done: number) => onBatch?.(done, total, "slices") };
  }

  /** The embeddings that the head sees, of those of all slices. */
  #rowsSeen(volumes: readonly Volume[], all: Features): { features_N: Tensor; volumes: Features["volumes"] } {
    if (this.#sampled === null) return all;
    const rows: number[] = [];
    const placed = volumes.map((volume, k) => {
      const places = new Map(this.#store.slicesOf(volume).map((slice, place) => [slice, place]));
      const seen = this.#seen(volume);
      const offset = rows.length;
      rows.push(...seen.map((slice) => all.volumes[k]!.offset + places.get(slice)!));
      return { offset, count: seen.length };
    });
    const index = fromTypedArray(BigInt64Array.from(rows, BigInt), [rows.length], {
      device: all.features_N.device,
    });
    return { features_N: all.features_N.indexSelect(0, index), volumes: placed };
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }
}

/** E numbers for each volume. */
const meansOf = ({ features_N, volumes }: Pick<Features, "features_N" | "volumes">): Float32Array[] =>
  volumes.map(({ offset, count }) =>
    scope(() => {
      const mean_E = features_N.narrow(0, offset, count).to({ dtype: "float32" }).mean([0]);
      return Float32Array.from(mean_E.toTypedArray() as Float32Array);
    }),
  );

function depthOf({ spec }: OpenSliceModel, { volumes }: VoxelSource): number {
  if (spec.method === "2d") return 0;
  const { slices, sampled } = spec.head;
  return Math.max(slices, ...volumes.map(({ count }) => seenOf(count, sampled, spec.input)));
}

/** A head may have weights for each slice position, so that every volume must have this number of slices. */
function checkDepths({ spec }: OpenSliceModel, volumes: readonly Volume[]): void {
  if (spec.method === "2d" || componentOf("head", spec.head.name).needsOneDepth !== true) return;
  const { slices, sampled } = spec.head;
  const other = volumes.find(({ count }) => seenOf(count, sampled, spec.input) !== slices);
  if (other === undefined) return;
  const received = seenOf(other.count, sampled, spec.input);
  const depth = Math.ceil(slices / planesOf(spec.input));
  const problem = `was trained for volumes of ${slices} slices, volume ${other.id} has ${received}`;
  throw new ModelError(spec.head.name, problem, `Prepare the data with --depth ${depth}.`);
}
