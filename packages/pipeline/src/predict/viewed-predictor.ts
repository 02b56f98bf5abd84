/**
 * Test-time augmentation: the mean of the probabilities over several views of each volume. Evidence, embeddings and the
 * cache of features are those of the plain view.
 */
import { planesOf } from "../input/schema.js";
import type { VoxelSource } from "../input/source.js";
import { viewsOf, type TestTime, type View } from "../models/test-time.js";
import type { Volume } from "./features.js";
import { isNetwork, type OpenModel } from "./open-model.js";
import type { Predicted, Predictor, PredictionOptions } from "./prediction.js";
import { viewedSource } from "./viewed-source.js";

/** Stored values of the volumes that are copied for a view at a time. */
const MOST_VALUES = 1 << 26;

/** Makes the predictor of a model for a source, which it takes ownership of. */
export type MakePredictor = (model: OpenModel, source: VoxelSource) => Predictor;

export class ViewedPredictor implements Predictor {
  readonly #plain: Predictor;
  readonly #views: readonly View[];

  constructor(
    private readonly model: OpenModel,
    private readonly source: VoxelSource,
    private readonly testTime: TestTime,
    private readonly make: MakePredictor,
  ) {
    this.#plain = make(model, source);
    this.#views = viewsOf(testTime);
  }

  predict(volumes: readonly Volume[], options: PredictionOptions = {}): Predicted {
    const passes = this.#views.length + 1;
    let [total, done] = [0, 0]; // slices or volumes of one view, and of all that are finished
    const reportOf = (of: (all: number) => void): PredictionOptions["onBatch"] => {
      const before = done;
      return (part, all, unit) => {
        of(all);
        if (total > 0) options.onBatch?.(before + part, total * passes, unit);
      };
    };
    const predicted = this.#plain.predict(volumes, {
      ...options,
      onBatch: reportOf((all) => (total = all))!,
    });
    done = total;
    for (const view of this.#views) {
      let at = 0;
      for (const part of this.#parts(volumes)) {
        let ofPart = 0;
        const onBatch = reportOf((all) => (ofPart = all))!;
        const seen = this.#inView(view, part, (predictor, placed) => predictor.predict(placed, { onBatch }));
        this.#add(predicted, seen, view, part, at);
        at += part.length;
        done += ofPart;
      }
    }
    scale(predicted, passes);
    return predicted;
  }

  decide(volume: Volume): number[][] {
    const sum = this.#plain.decide(volume).map((row) => [...row]);
    const isOfSlices = !isNetwork(this.model) && this.model.spec.method === "2d";
    for (const view of this.#views) {
      const rows = this.#inView(view, [volume], (predictor, [placed]) => predictor.decide(placed!));
      const places = isOfSlices ? this.#slicePlaces(view, volume) : [0];
      places.forEach((place, k) => addTo(sum[k]!, this.#named(rows[place]!, view)));
    }
    return sum.map((row) => row.map((value) => value / (this.#views.length + 1)));
  }

  embed(volumes: readonly Volume[], options?: PredictionOptions): Float32Array[] | null {
    return this.#plain.embed(volumes, options);
  }

  #inView<T>(view: View, volumes: readonly Volume[], use: (predictor: Predictor, placed: Volume[]) => T): T {
    const viewed = viewedSource(this.source, volumes, view);
    using predictor = this.make(inWindow(this.model, view), viewed.source);
    return use(predictor, viewed.volumes);
  }

  /** So many volumes at a time that their copy stays small. */
  *#parts(volumes: readonly Volume[]): Generator<readonly Volume[]> {
    const { height, width } = this.source;
    let [from, values] = [0, 0];
    for (let k = 0; k < volumes.length; k++) {
      const size = volumes[k]!.count * height * width;
      if (k > from && values + size > MOST_VALUES) {
        yield volumes.slice(from, k);
        [from, values] = [k, 0];
      }
      values += size;
    }
    if (from < volumes.length) yield volumes.slice(from);
  }

  /** @param at the number of the first volume of the part */
  #add(sum: Predicted, seen: Predicted, view: View, part: readonly Volume[], at: number): void {
    sum.models.forEach(({ probabilities }, m) =>
      part.forEach((_, k) =>
        addTo(probabilities[at + k]!, this.#named(seen.models[m]!.probabilities[k]!, view)),
      ),
    );
    if (sum.slices === null || seen.slices === null) return;
    const classes = this.model.spec.classes.names.length;
    const before = sum.slices.counts.slice(0, at).reduce((total, count) => total + count, 0);
    let offset = 0;
    for (const volume of part) {
      this.#slicePlaces(view, volume).forEach((place, k) => {
        const from = (offset + place) * classes;
        const row = this.#named([...seen.slices!.probabilities.subarray(from, from + classes)], view);
        row.forEach((value, c) => (sum.slices!.probabilities[(before + offset + k) * classes + c]! += value));
      });
      offset += sum.slices.counts[at + part.indexOf(volume)]!;
    }
  }

  /** Probabilities of a view under the names of the classes that the plain view has. */
  #named(row: readonly number[], view: View): number[] {
    const named = [...row];
    if (view.kind === "mirror" && view.axis === "horizontal")
      for (const [a, b] of this.testTime.swap) [named[a], named[b]] = [row[b]!, row[a]!];
    return named;
  }

  /** Where the slices of the plain view are in another one: a flip reverses those of the plane across its axis. */
  #slicePlaces(view: View, { count }: Volume): number[] {
    const { spec } = this.model;
    const planes = spec.method === "3d" ? 1 : planesOf(spec.input);
    const reversed = view.kind === "mirror" ? ["slices", "vertical", "horizontal"].indexOf(view.axis) : -1;
    return Array.from({ length: planes * count }, (_, k) => {
      const [plane, slice] = [Math.floor(k / count), k % count];
      return plane * count + (plane === reversed ? count - 1 - slice : slice);
    });
  }

  [Symbol.dispose](): void {
    this.#plain[Symbol.dispose]();
  }
}

/** The model with every window moved by a share of its width. */
function inWindow(model: OpenModel, view: View): OpenModel {
  if (view.kind !== "window") return model;
  const windows = model.spec.input.windows.map(([low, high]): [number, number] => {
    const by = view.shift * (high - low);
    return [low + by, high + by];
  });
  return { ...model, spec: { ...model.spec, input: { ...model.spec.input, windows } } } as OpenModel;
}

function addTo(sum: number[], row: readonly number[]): void {
  row.forEach((value, k) => (sum[k]! += value));
}

function scale({ models, slices }: Predicted, passes: number): void {
  for (const { probabilities } of models)
    for (const row of probabilities) row.forEach((value, k) => (row[k] = value / passes));
  slices?.probabilities.forEach((value, k, all) => (all[k] = value / passes));
}
