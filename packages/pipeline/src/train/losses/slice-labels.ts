/**
 * How much the inherited label of a slice counts: by the probability that the slice shows the finding of its volume.
 *
 * Multiple-instance view: a volume v of class y > 0 has a finding, which some of its slices show and others do not; all
 * slices of a volume of class 0 show its label. Whether slice j shows it, h_vj, is unknown. Expectation-maximisation, in
 * the manner of Hou, Samaras, Kurc, Gao, Davis, Saltz: Patch-based Convolutional Neural Network for Whole Slide Tissue Image
 * Classification, CVPR 2016, section 3, with weights where they cut at a threshold:
 *
 *   E: w_vj = max(floor, p(y_v | x_vj) / max_l p(y_v | x_vl))     under the current model
 *   M: minimise Σ_vj w_vj l(x_vj, y_v)                            the epochs of training until the next E
 *
 * The division expresses the assumption that at least one slice shows the finding: the best one counts fully, so no volume
 * drops out. With the floor, a slice that was discarded early can return. Before the first E, every slice counts fully:
 * p of an untrained model is meaningless, hence the warm-up.
 */
import { fromTypedArray, type Tensor } from "@slicestack/torch";

/** The E step for one volume. @param probabilities p(y | x) of its slices; @param floor above 0, at most 1 */
export function showingWeights(probabilities: readonly number[], floor: number): number[] {
  const best = Math.max(...probabilities);
  return probabilities.map((p) => (best > 0 ? Math.max(floor, p / best) : 1));
}

interface LabelledVolume {
  label: number;
}

/** The weights of all slices of a data set by their row in slices.npy; a resume in the middle of an epoch needs them. */
export class SliceLabels {
  readonly #weights: Float32Array;
  readonly #floor: number;

  /** @param slices rows of slices.npy */
  constructor(slices: number, floor: number) {
    this.#weights = new Float32Array(slices).fill(1);
    this.#floor = floor;
  }

  /** How much each slice of a batch counts. */
  of(batch: readonly { index: number }[]): number[] {
    return batch.map(({ index }) => this.#weights[index] ?? 1);
  }

  /**
   * The E step for every volume with a finding.
   * @param slicesOf numbers of a volume's slices
   * @param classify class probabilities of the slices with these numbers, one list per slice
   */
  expect<V extends LabelledVolume>(
    volumes: readonly V[],
    slicesOf: (volume: V) => number[],
    classify: (slices: number[]) => readonly (readonly number[])[],
  ): void {
    const positive = volumes.filter(({ label }) => label > 0);
    const slices = positive.map(slicesOf);
    const rows = classify(slices.flat());
    let next = 0;
    positive.forEach(({ label }, v) => {
      const slicesOfVolume = slices[v] ?? [];
      const shown = rows.slice(next, (next += slicesOfVolume.length)).map((row) => row[label] ?? 0);
      showingWeights(shown, this.#floor).forEach((weight, k) => (this.#weights[slicesOfVolume[k]!] = weight));
    });
  }

  /** The tensors for the checkpoint. */
  tensors(): Map<string, Tensor> {
    return new Map([["slice_labels", fromTypedArray(this.#weights)]]);
  }

  restore(tensors: ReadonlyMap<string, Tensor>): void {
    const kept = tensors.get("slice_labels");
    if (kept !== undefined) this.#weights.set(kept.toArray());
  }
}
