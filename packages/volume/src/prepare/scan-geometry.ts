/** What can be compared of scans before they are prepared. */
/** What can be said of a scan before it is prepared, turned to LPS: x from right to left, y from front to back, z upwards. */
export interface ScanGeometry {
  /** Distance of voxel centres, mm. */
  spacing: [number, number, number];
  /** Field of view, mm. */
  extent: [number, number, number];
  slices: number;
  /** Largest angle between an axis of the scan and that of the patient, degrees. */
  tilt: number;
}

export function scanGeometry({
  shape,
  spacing,
  direction,
}: {
  readonly shape: readonly number[];
  readonly spacing: readonly number[];
  readonly direction: readonly number[];
}): ScanGeometry {
  const extent = spacing.map((step, axis) => step * shape[axis]!) as ScanGeometry["extent"];
  const cosines = [0, 4, 8].map((k) => Math.min(1, Math.abs(direction[k] ?? 1)));
  const tilt = (Math.acos(Math.min(...cosines)) * 180) / Math.PI;
  return { spacing: [...spacing] as ScanGeometry["spacing"], extent, slices: shape[2]!, tilt };
}
