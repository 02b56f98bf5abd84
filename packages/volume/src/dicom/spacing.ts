/**
 * How far a slice may lie from its position on a regular grid: scanners round positions, including those at the ends,
 * to tenths of a mm.
 */
export function tolerance(spacing: number): number {
  return Math.min(Math.max(0.05 * spacing, 0.101), 0.25 * spacing);
}

export type Spacing =
  | { kind: "regular"; spacing: number }
  /** `step`: the place of each slice on the grid; numbers that no slice has are missing. */
  | { kind: "gaps"; spacing: number; step: number[] }
  | { kind: "uneven"; spacing: number };

/**
 * Decides whether slices lie on a regular grid, on one with gaps, or on none.
 * @param along position of each slice along the normal in mm, increasing, at least two
 */
export function analyseSpacing(along: readonly number[]): Spacing {
  const first = along[0] as number;
  const extent = (along.at(-1) as number) - first;
  const fits = (spacing: number, step: readonly number[]) =>
    along.every((mm, i) => Math.abs(mm - first - spacing * (step[i] as number)) <= tolerance(spacing));

  const mean = extent / (along.length - 1);
  if (fits(mean, [...along.keys()])) return { kind: "regular", spacing: mean };

  const increments = along.slice(1).map((mm, i) => mm - (along[i] as number));
  // The lower median, so that of two increments the smaller one is that of the grid.
  const usual = increments.toSorted((a, b) => a - b)[(increments.length - 1) >> 1] as number;
  const step = [0];
  for (const increment of increments) step.push((step.at(-1) as number) + Math.round(increment / usual));
  const spacing = extent / (step.at(-1) as number);
  const rises = step.every((place, i) => i === 0 || place > (step[i - 1] as number));
  return rises && fits(spacing, step) ? { kind: "gaps", spacing, step } : { kind: "uneven", spacing: usual };
}

/** One slice of the resulting volume, interpolated between two of the series: (1 - weight) * lower + weight * upper. */
export interface PlaneMix {
  lower: number;
  upper: number;
  weight: number;
}

/** A regular grid over the extent of slices that do not lie on one. Slices that lie on it are used unchanged. */
export function mixesOver(
  along: readonly number[],
  spacing: Spacing,
): { spacing: number; mixes: PlaneMix[] } {
  const first = along[0] as number;
  const extent = (along.at(-1) as number) - first;
  const count = Math.max(1, Math.round(extent / spacing.spacing)) + 1;
  const exact = extent / (count - 1);
  const near = spacing.kind === "uneven" ? 1e-3 * exact : tolerance(exact);
  const mixes: PlaneMix[] = [];
  for (let plane = 0, lower = 0; plane < count; plane++) {
    const at = first + plane * exact;
    while (lower < along.length - 2 && (along[lower + 1] as number) <= at + near) lower++;
    const [below, above] = [along[lower] as number, along[lower + 1] as number];
    const weight =
      Math.abs(at - below) <= near ? 0 : Math.abs(above - at) <= near ? 1 : (at - below) / (above - below);
    mixes.push({ lower, upper: lower + 1, weight });
  }
  return { spacing: exact, mixes };
}
