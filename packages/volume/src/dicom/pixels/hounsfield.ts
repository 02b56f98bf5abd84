import type { StoredArray, StoredFrame } from "./stored.js";

/** HU of what was never measured. */
export const AIR = -1000;

/**
 * A padding value within these HU could as well be tissue, as where a writer says 0 and means "none": it is left alone.
 */
const TISSUE = { from: -900, to: 3000 };

export interface Rescale {
  slope: number;
  intercept: number;
  padding: { from: number; to: number } | undefined;
}

/** True where the padding is mapped to air; false where there is none, or it could be tissue. */
export function isPadding({ slope, intercept, padding }: Rescale): boolean {
  if (padding === undefined) return false;
  const ends = [padding.from * slope + intercept, padding.to * slope + intercept];
  return Math.max(...ends) < TISSUE.from || Math.min(...ends) > TISSUE.to;
}

/**
 * The voxels of a stack: int16 while every value is a whole number that fits, float32 from the first that does not.
 * The array is taken once, and only that change takes another.
 */
export class HounsfieldStack {
  data: Int16Array | Float32Array;
  /** Voxels that held padding. */
  padded = 0;

  /** @param whole every slope and intercept is a whole number */
  constructor(length: number, whole: boolean) {
    this.data = whole ? new Int16Array(length) : new Float32Array(length);
  }

  /** Writes slope * stored + intercept from `at` on. */
  write(frame: StoredFrame, rescale: Rescale, at: number): void {
    if (this.data instanceof Int16Array && !this.#fits(frame, rescale)) this.data = Float32Array.from(this.data);
    this.padded += fill(this.data, at, frame, rescale);
  }

  /** False where a value, padding excepted, is no int16. */
  #fits(frame: StoredFrame, rescale: Rescale): boolean {
    const { slope, intercept } = rescale;
    const inside = (stored: number) => {
      const hu = stored * slope + intercept;
      return hu >= -32768 && hu <= 32767;
    };
    // What the bits can hold decides nearly always.
    const least = frame.signed ? -(2 ** (frame.bits - 1)) : 0;
    if (inside(least) && inside(least + 2 ** frame.bits - 1)) return true;
    const { low, high } = rangeOf(frame, rescale);
    return low > high || (inside(low) && inside(high));
  }
}

/** What every loop over stored values needs: shifts that leave the value's bits, with its sign, and its padding. */
function loopPlan({ values, bits, high, signed }: StoredFrame, rescale: Rescale) {
  const width = values.BYTES_PER_ELEMENT * 8;
  const isPlain = bits === width && high === width - 1;
  const [from, to] =
    rescale.padding !== undefined && isPadding(rescale) ? [rescale.padding.from, rescale.padding.to] : [1, 0];
  return { values, isPlain, left: 31 - high, right: 32 - bits, signed, from, to };
}

const valueOf = (raw: number, left: number, right: number, signed: boolean): number =>
  signed ? (raw << left) >> right : (raw << left) >>> right;

// Some writers pad with bits beyond those stored, so the raw value counts too.
const isIn = (value: number, from: number, to: number): boolean => value >= from && value <= to;

function rangeOf(frame: StoredFrame, rescale: Rescale): { low: number; high: number } {
  const { values, isPlain, left, right, signed, from, to } = loopPlan(frame, rescale);
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const raw = values[i] as number;
    const stored = isPlain ? raw : valueOf(raw, left, right, signed);
    if (isIn(stored, from, to) || isIn(raw, from, to)) continue;
    if (stored < low) low = stored;
    if (stored > high) high = stored;
  }
  return { low, high };
}

/** @returns voxels of padding */
function fill(target: Int16Array | Float32Array, at: number, frame: StoredFrame, rescale: Rescale): number {
  const { values, isPlain, left, right, signed, from, to } = loopPlan(frame, rescale);
  const { slope, intercept } = rescale;
  if (isPlain && from > to && slope === 1) {
    addTo(target, at, values, intercept);
    return 0;
  }
  let padded = 0;
  for (let i = 0; i < values.length; i++) {
    const raw = values[i] as number;
    const stored = isPlain ? raw : valueOf(raw, left, right, signed);
    if (isIn(stored, from, to) || isIn(raw, from, to)) {
      target[at + i] = AIR;
      padded++;
    } else {
      target[at + i] = stored * slope + intercept;
    }
  }
  return padded;
}

/** The plain case, which most scans are. */
function addTo(target: Int16Array | Float32Array, at: number, values: StoredArray, intercept: number): void {
  if (intercept === 0) target.set(values, at);
  else for (let i = 0; i < values.length; i++) target[at + i] = (values[i] as number) + intercept;
}
