import type { StoredArray, StoredFrame } from "./stored.js";

/** HU of padding; where values are not HU, 0 is used. */
export const AIR = -1000;

/**
 * A padding value within these HU could also be tissue, for example where a writer uses 0 for "none": it is left
 * unchanged.
 */
const TISSUE = { from: -900, to: 3000 };

export interface Rescale {
  slope: number;
  intercept: number;
  padding: { from: number; to: number } | undefined;
  /** False for other modalities than CT. */
  isHu: boolean;
}

/** True where the padding is mapped to air; false where there is no padding or it could be tissue. */
export function isPadding({ slope, intercept, padding, isHu }: Rescale): boolean {
  if (padding === undefined) return false;
  if (!isHu) return true;
  const ends = [padding.from * slope + intercept, padding.to * slope + intercept];
  return Math.max(...ends) < TISSUE.from || Math.min(...ends) > TISSUE.to;
}

/**
 * The voxels of a stack: int16 as long as every value is a whole number that fits, float32 from the first value that
 * does not. The array is allocated once, and again only for that change.
 */
export class HounsfieldStack {
  data: Int16Array | Float32Array;
  /** Number of voxels that held padding. */
  padded = 0;

  /** @param whole every slope and intercept is a whole number */
  constructor(length: number, whole: boolean) {
    this.data = whole ? new Int16Array(length) : new Float32Array(length);
  }

  /** Writes slope * stored + intercept, starting at index `at`. */
  write(frame: StoredFrame, rescale: Rescale, at: number): void {
    let padded = fill(this.data, at, frame, rescale);
    if (padded === undefined) {
      this.data = Float32Array.from(this.data);
      padded = fill(this.data, at, frame, rescale) ?? 0;
    }
    this.padded += padded;
  }
}

/** What every loop over stored values needs: shifts that extract the value's bits with its sign, and the padding. */
function loopPlan({ values, bits, high, signed }: StoredFrame, rescale: Rescale) {
  const width = values.BYTES_PER_ELEMENT * 8;
  const isPlain = bits === width && high === width - 1;
  const [from, to] =
    rescale.padding !== undefined && isPadding(rescale) ? [rescale.padding.from, rescale.padding.to] : [1, 0];
  return { values, isPlain, left: 31 - high, right: 32 - bits, signed, from, to };
}

const valueOf = (raw: number, left: number, right: number, signed: boolean): number =>
  signed ? (raw << left) >> right : (raw << left) >>> right;

// Some writers pad with bits beyond those stored, so the raw value is compared, too.
const isIn = (value: number, from: number, to: number): boolean => value >= from && value <= to;

/** @returns number of padding voxels; undefined where the target is int16 and a value does not fit */
function fill(
  all: HounsfieldStack["data"],
  at: number,
  frame: StoredFrame,
  rescale: Rescale,
): number | undefined {
  const target = all.subarray(at, at + frame.values.length);
  const { values, isPlain, left, right, signed, from, to } = loopPlan(frame, rescale);
  const { slope, intercept, isHu } = rescale;
  const air = isHu ? AIR : 0;
  const isInt16 = target instanceof Int16Array;
  if (isPlain && from > to && slope === 1 && values.BYTES_PER_ELEMENT <= 2 && Math.abs(intercept) < 2 ** 30) {
    return !isInt16
      ? addFloat(target, values, intercept)
      : addWhole(target, values, intercept)
        ? 0
        : undefined;
  }
  let padded = 0;
  let [low, high] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const raw = values[i] as number;
    const stored = isPlain ? raw : valueOf(raw, left, right, signed);
    if (isIn(stored, from, to) || isIn(raw, from, to)) {
      target[i] = air;
      padded++;
    } else {
      const hu = stored * slope + intercept;
      target[i] = hu;
      if (hu < low) low = hu;
      if (hu > high) high = hu;
    }
  }
  return isInt16 && (low < -32768 || high > 32767) ? undefined : padded;
}

/** The simple case of most scans. @returns false where a sum does not fit in int16 */
function addWhole(target: Int16Array, values: StoredArray, intercept: number): boolean {
  let bits = 0;
  for (let i = 0; i < values.length; i++) {
    const hu = (values[i] as number) + intercept;
    target[i] = hu;
    // Of an int16 this is 0 to 65535; anything else sets a bit above.
    bits |= hu + 32768;
  }
  return bits >>> 16 === 0;
}

function addFloat(target: Float32Array, values: StoredArray, intercept: number): number {
  for (let i = 0; i < values.length; i++) target[i] = (values[i] as number) + intercept;
  return 0;
}
