/** 3D: a network on whole volumes. */
import type { VoxelSource } from "../input/source.js";
import { VolumeStore } from "../input/volumes.js";
import type { Volume } from "./features.js";
import { predictVoxels, type Compute } from "./forward.js";
import type { OpenNetwork } from "./open-model.js";
import type { Predicted, Predictor, PredictionOptions } from "./prediction.js";

export class VoxelPredictor implements Predictor {
  readonly #model: OpenNetwork;
  readonly #store: VolumeStore;
  readonly #compute: Compute;

  constructor(model: OpenNetwork, source: VoxelSource, compute: Compute) {
    this.#model = model;
    this.#compute = compute;
    this.#store = new VolumeStore(source, { ...model.spec.input, device: compute.device });
  }

  predict(volumes: readonly Volume[], { onBatch }: PredictionOptions = {}): Predicted {
    const report = (done: number) => onBatch?.(done, volumes.length, "volumes");
    const { probabilities } = this.#run(volumes, this.#model.spec.network.batch, report);
    const evidence = volumes.map(({ id }) => ({ id, weights: null, places: [] }));
    return { models: [{ model: "3d", probabilities }], slices: null, evidence, embeddings: null };
  }

  embed(): null {
    return null;
  }

  decide(volume: Volume): number[][] {
    return this.#run([volume], 1).probabilities;
  }

  #run(volumes: readonly Volume[], batch: number, onBatch?: (done: number) => void) {
    const options = { ...this.#compute, batch, ...(onBatch === undefined ? {} : { onBatch }) };
    return predictVoxels(this.#model.network, this.#store, volumes, options);
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }
}
