/** Geometry of a batch: each sample is read once at the places that its elastic and affine draws name. */
import { fromTypedArray, functional as F, type Tensor } from "@slicestack/torch";
import { affineMatrix, gridMatrix, type AffineDraw, type Sides } from "./affine.js";
import { displacements, type ElasticDraw } from "./elastic.js";
import { onDrawn, overAir, type Draws } from "./samples.js";

interface WarpDraw {
  affine: AffineDraw;
  elastic: ElasticDraw | null;
  sides: Sides;
}

/** Both kinds of geometry in one draw; null where a sample has neither. */
export function joinWarp(
  affine: Draws<AffineDraw>,
  elastic: Draws<ElasticDraw>,
  sides: readonly Sides[],
): Draws<WarpDraw> {
  return sides.map((each, k) => {
    const [map, field] = [affine[k] ?? null, elastic[k] ?? null];
    return map === null && field === null ? null : { affine: map ?? {}, elastic: field, sides: each };
  });
}

/** What each point of the output is multiplied with and shifted by, in the coordinates of affineGrid: n x A x (A + 1). */
export function thetaOf(draws: readonly WarpDraw[]): { values: Float64Array; dims: number } {
  const dims = draws[0]?.sides.length ?? 2;
  // Grids count from the last axis of the tensor: x, y of B, C, H, W; z, x, y of B, C, H, W, D.
  const order = dims === 2 ? [0, 1] : [2, 0, 1];
  const rows = draws.flatMap(({ affine, sides }) => gridMatrix(affineMatrix(affine, sides), sides, order).flat());
  return { values: Float64Array.from(rows), dims };
}

/** Linear interpolation. @param air what lies outside */
export function warp(x: Tensor, draws: Draws<WarpDraw>, air = 0): Tensor {
  return onDrawn(x, draws, (chosen, drawn) => {
    const { values, dims } = thetaOf(drawn);
    const theta = fromTypedArray(values, [drawn.length, dims, dims + 1], { dtype: x.dtype, device: x.device });
    let grid = F.affineGrid(theta, chosen.shape);
    if (drawn.some(({ elastic }) => elastic !== null)) {
      const field = displacements(
        drawn.map(({ elastic }) => elastic),
        chosen,
      );
      // A(p + d(p)) is Ap + Ad(p): the points move first, so that the affine map unfolds nothing and folds nothing.
      const linear = theta.narrow(2, 0, dims).transpose(1, 2);
      grid = grid.add(
        field
          .reshape(drawn.length, -1, dims)
          .matmul(linear)
          .view(...grid.shape),
      );
    }
    return overAir(chosen, air, (raised) => F.gridSample(raised, grid));
  });
}
