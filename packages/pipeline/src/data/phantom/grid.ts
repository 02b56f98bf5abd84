/** The voxel grid of one scan while it is drawn: x to the left, y to the back, z to the head, x fastest. */
export interface Grid {
  nx: number;
  ny: number;
  nz: number;
  /** mm. */
  spacing: [number, number, number];
  /** Patient mm of the centre of voxel 0, 0, 0. */
  origin: [number, number, number];
}

export function voxelCount(grid: Grid): number {
  return grid.nx * grid.ny * grid.nz;
}

/** A tube from one point to another, mm; radius in mm. */
export interface Segment {
  from: readonly [number, number, number];
  to: readonly [number, number, number];
  radius: number;
}

/** Adds the share of each voxel that tubes cover to `coverage` (0..1, the larger of old and new stays). */
export function rasterise(segments: readonly Segment[], grid: Grid, coverage: Float32Array, grow = 0): void {
  for (const segment of segments) rasteriseSegment(segment, grid, coverage, grow);
}

function rasteriseSegment(
  { from, to, radius }: Segment,
  grid: Grid,
  coverage: Float32Array,
  grow: number,
): void {
  const r = radius + grow;
  const [sx, sy, sz] = grid.spacing;
  // A slice shows what lies within half its thickness: the tube is thickened along z by a third of a slice.
  const reach = [r + sx, r + sy, r + sz / 2] as const;
  const low = [0, 0, 0];
  const high = [0, 0, 0];
  const count = [grid.nx, grid.ny, grid.nz] as const;
  for (const k of [0, 1, 2] as const) {
    low[k] = Math.max(0, Math.ceil((Math.min(from[k], to[k]) - reach[k] - grid.origin[k]) / grid.spacing[k]));
    high[k] = Math.min(
      count[k] - 1,
      Math.floor((Math.max(from[k], to[k]) + reach[k] - grid.origin[k]) / grid.spacing[k]),
    );
  }
  const [dx, dy, dz] = [to[0] - from[0], to[1] - from[1], to[2] - from[2]];
  const length2 = dx * dx + dy * dy + dz * dz || 1e-9;
  // A tube thinner than a voxel fills only part of it.
  const fill = Math.min(1, (Math.PI * r * r) / (sx * sy)) * Math.min(1, 0.45 + (0.55 * 2 * r) / sz);
  for (let k = low[2] ?? 0; k <= (high[2] ?? -1); k++) {
    const z = grid.origin[2] + k * sz - from[2];
    for (let j = low[1] ?? 0; j <= (high[1] ?? -1); j++) {
      const y = grid.origin[1] + j * sy - from[1];
      let index = grid.nx * (j + grid.ny * k) + (low[0] ?? 0);
      for (let i = low[0] ?? 0; i <= (high[0] ?? -1); i++, index++) {
        const x = grid.origin[0] + i * sx - from[0];
        const s = Math.min(1, Math.max(0, (x * dx + y * dy + z * dz) / length2));
        const ex = x - s * dx;
        const ey = y - s * dy;
        const ez = Math.max(0, Math.abs(z - s * dz) - sz / 3);
        const c = ((r - Math.sqrt(ex * ex + ey * ey + ez * ez)) / sx + 0.5) * fill;
        const share = c > fill ? fill : c;
        if (share > (coverage[index] ?? 1)) coverage[index] = share;
      }
    }
  }
}
