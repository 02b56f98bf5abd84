/**
 * Colours of maps over grey slices: evidence for the class is vermillion to yellow, evidence against it blue, both from the
 * palette of Okabe & Ito, which avoids red against green. Stronger values are more opaque and lighter.
 */
type Rgb = readonly [red: number, green: number, blue: number];

const FOR: readonly [Rgb, Rgb] = [
  [213, 94, 0],
  [240, 228, 66],
];
const AGAINST: readonly [Rgb, Rgb] = [
  [0, 114, 178],
  [86, 180, 233],
];
const [OPAQUE, DARKER] = [0.85, 0.6];

/** @param grey 0..255   @param share of the scale's end, clipped to -1..1   @param into receives three values at `at` */
export function blend(grey: number, share: number, into: Uint8Array, at: number): void {
  const strength = Math.min(1, Math.abs(share));
  const [weak, strong] = share >= 0 ? FOR : AGAINST;
  const cover = OPAQUE * strength;
  for (let c = 0; c < 3; c++) {
    const colour = weak[c]! + (strong[c]! - weak[c]!) * strength;
    into[at + c] = Math.round(DARKER * grey * (1 - cover) + colour * cover);
  }
}

/** The 99.8th percentile of the absolute values, so that one bright voxel does not hide the others; 0 for an empty map. */
export function scaleOf(map: Float32Array): number {
  const sizes = map.map(Math.abs).sort();
  return sizes[Math.floor(0.998 * (sizes.length - 1))]! || sizes.at(-1)!;
}
