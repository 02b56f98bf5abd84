/**
 * Blocks of a model's input that are deleted together. All orders delete blocks of the same shape, so that no order gains
 * from cutting the image into finer pieces than another.
 * P planes of H x W, cut into cells of sizes as equal as whole pixels allow.
 */
export interface Cells {
  /** P, H, W */
  readonly shape: readonly [planes: number, height: number, width: number];
  /** Cells along height and width of each plane. */
  readonly across: readonly [number, number];
}

/** About 16 cells along the shorter side, of at least 2 pixels. */
export function cellsOf(shape: Cells["shape"]): Cells {
  const [, height, width] = shape;
  const side = Math.max(2, Math.round(Math.min(height, width) / 16));
  return { shape, across: [Math.max(1, Math.round(height / side)), Math.max(1, Math.round(width / side))] };
}

export const cellCount = ({ shape, across }: Cells): number => shape[0] * across[0] * across[1];

/** The cell of each pixel, P x H x W. */
export function cellOfPixels({ shape: [planes, height, width], across: [down, right] }: Cells): Int32Array {
  const cells = new Int32Array(planes * height * width);
  let at = 0;
  for (let plane = 0; plane < planes; plane++)
    for (let y = 0; y < height; y++) {
      const row = (plane * down + Math.floor((y * down) / height)) * right;
      for (let x = 0; x < width; x++) cells[at++] = row + Math.floor((x * right) / width);
    }
  return cells;
}

/** The mean of each cell. @param values P x H x W */
export function cellMeans(
  values: ArrayLike<number>,
  cells: Cells,
  cellOf = cellOfPixels(cells),
): Float64Array {
  const sums = new Float64Array(cellCount(cells));
  const counts = new Float64Array(sums.length);
  for (let i = 0; i < cellOf.length; i++) {
    sums[cellOf[i]!]! += values[i]!;
    counts[cellOf[i]!]! += 1;
  }
  return sums.map((sum, k) => sum / counts[k]!);
}
