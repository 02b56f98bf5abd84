/** Values as grey: the lower edge of the window and what is below is 0, the upper edge and above 255; NaN is 0. */
export function windowed(values: ArrayLike<number>, [low, high]: readonly [number, number]): Uint8Array {
  return Uint8Array.from(values, (value) => Math.round(Math.min(1, Math.max(0, (value - low) / (high - low))) * 255));
}
