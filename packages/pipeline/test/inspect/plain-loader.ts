/** The oracle for the loaders: reads and windows slices.npy without their code. */
import { fromTypedArray, functional as F, scope, type Tensor } from "@slicestack/torch";
import { readStored, type Dataset } from "../../src/data/store.js";
import type { VolumeRecord } from "../../src/data/volume-record.js";
import type { Window } from "../../src/input/schema.js";
import type { SliceTransform } from "../../src/input/slices.js";
import type { VolumeLoader } from "../../src/inspect/inputs.js";

export class PlainLoader implements VolumeLoader {
  readonly name = "slices.npy, read directly";

  constructor(
    private readonly dataset: Dataset,
    private readonly transform: SliceTransform,
  ) {}

  volume({ first, count }: VolumeRecord): Tensor {
    const { height, width } = this.dataset.info;
    const { size } = this.transform;
    const same = size[0] === height && size[1] === width;
    return scope(() => {
      const values = Float32Array.from(readStored(this.dataset, first, count));
      const stored_DHW = fromTypedArray(values, [count, height, width]);
      const sized_DHW = same
        ? stored_DHW
        : F.interpolate(stored_DHW.unsqueeze(1), size, { mode: "bilinear", antialias: true }).squeeze(1);
      const unit = windowedUnit(sized_DHW.toTypedArray() as Float32Array, this.transform.windows[0]!);
      return fromTypedArray(unit, [count, ...size])
        .permute(1, 2, 0)
        .contiguous();
    });
  }

  [Symbol.dispose](): void {
    // There is nothing to release.
  }
}

/** In float32, step by step, as libtorch rounds. */
function windowedUnit(values: ArrayLike<number>, [low, high]: Window): Float32Array {
  const [least, width] = [Math.fround(low), Math.fround(high - low)];
  return Float32Array.from(values, (value) =>
    Math.min(1, Math.max(0, Math.fround(Math.fround(value - least) / width))),
  );
}
