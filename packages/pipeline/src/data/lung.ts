/** Below this, a voxel counts as air. */
const AIR_HU = -320;
/** Reach of the closing in mm: opacities and vessels up to twice as wide count as lung. */
const CLOSING_MM = 14;

/**
 * Mean HU of the lungs by a crude mask, for the shortcut baseline: air inside the body (not connected to air at the border
 * of its slice), closed in plane so that opacities mostly stay inside.
 * @param slices_SHW HU, S slices of H rows and W columns   @param spacing mm along x and y
 * Of more than 40 slices, every second is used, because neighbours are similar.
 * @returns null if less than 0.5 % of the volume is such a mask
 */
export function meanLungHu(
  slices_SHW: ArrayLike<number>,
  height: number,
  width: number,
  spacing: readonly [number, number],
): number | null {
  const plane = height * width;
  const count = Math.floor(slices_SHW.length / plane);
  const reach = [
    Math.max(1, Math.round(CLOSING_MM / spacing[0])),
    Math.max(1, Math.round(CLOSING_MM / spacing[1])),
  ] as const;
  const stack = new Int32Array(plane);
  const every = count > 40 ? 2 : 1;
  let sum = 0;
  let n = 0;
  for (let s = 0; s < count; s += every) {
    const mask = innerAir(slices_SHW, s * plane, height, width, stack);
    if (mask === null) continue;
    close(mask, height, width, reach);
    for (let i = 0; i < plane; i++) {
      if (mask[i] !== 1) continue;
      sum += slices_SHW[s * plane + i] ?? 0;
      n++;
    }
  }
  return n === 0 || n * every < 0.005 * slices_SHW.length ? null : Math.round((sum / n) * 100) / 100;
}

/** 1 for air that is not connected to the slice's border; null if there is none. */
function innerAir(
  hu: ArrayLike<number>,
  first: number,
  height: number,
  width: number,
  stack: Int32Array,
): Uint8Array | null {
  const plane = height * width;
  const mask = new Uint8Array(plane);
  for (let i = 0; i < plane; i++) mask[i] = (hu[first + i] ?? 0) < AIR_HU ? 1 : 0;
  let top = 0;
  const visit = (i: number) => {
    if (mask[i] !== 1) return;
    mask[i] = 0;
    stack[top++] = i;
  };
  for (let x = 0; x < width; x++) {
    visit(x);
    visit(plane - width + x);
  }
  for (let y = 0; y < height; y++) {
    visit(y * width);
    visit(y * width + width - 1);
  }
  while (top > 0) {
    const i = stack[--top] ?? 0;
    const x = i % width;
    if (x > 0) visit(i - 1);
    if (x < width - 1) visit(i + 1);
    if (i >= width) visit(i - width);
    if (i < plane - width) visit(i + width);
  }
  return mask.includes(1) ? mask : null;
}

/** Dilation, then erosion, by a rectangle of half widths `reach`; both are separable. Beyond the border counts as outside. */
function close(mask: Uint8Array, height: number, width: number, reach: readonly [number, number]): void {
  for (const target of [1, 0] as const) {
    for (let y = 0; y < height; y++) spread(mask, y * width, 1, width, reach[0], target);
    for (let x = 0; x < width; x++) spread(mask, x, width, height, reach[1], target);
  }
}

/** Sets every element of a line that lies within `reach` of an element equal to `target` to `target`. */
function spread(
  mask: Uint8Array,
  start: number,
  step: number,
  length: number,
  reach: number,
  target: 0 | 1,
): void {
  const near = new Uint8Array(length);
  let isPresent = false;
  for (let i = 0, until = -1; i < length; i++) {
    if (mask[start + i * step] === target) {
      until = i + reach;
      isPresent = true;
    }
    if (i <= until) near[i] = 1;
  }
  if (!isPresent) return;
  for (let i = length - 1, until = length; i >= 0; i--) {
    if (mask[start + i * step] === target) until = i - reach;
    if (i >= until) near[i] = 1;
  }
  for (let i = 0; i < length; i++) if (near[i] === 1) mask[start + i * step] = target;
}
