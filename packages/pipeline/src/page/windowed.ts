/** Values as grey levels: 0 at and below the lower edge of the window, 255 at and above the upper edge; NaN is 0. */
export function windowed(values: ArrayLike<number>, [low, high]: readonly [number, number]): Uint8Array {
  return Uint8Array.from(values, (value) =>
    Math.round(Math.min(1, Math.max(0, (value - low) / (high - low))) * 255),
  );
}
