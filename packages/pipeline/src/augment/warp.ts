/** Geometry of a batch: each sample is interpolated once, at the positions of its elastic and affine draws. */
import { fromTypedArray, functional as F, scope, type Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import type { AugmentConfig } from "../config/augment.js";
import { affineMatrix, drawAffine, gridMatrix, type AffineDraw } from "./affine.js";
import { displacements, drawElastic, elastic, type ElasticDraw } from "./elastic.js";
import { onDrawn, overAir, type Draws, type Air } from "./samples.js";
import type { Sides } from "./transform.js";

interface WarpDraw<E extends ElasticDraw | null = ElasticDraw | null> {
  affine: AffineDraw;
  elastic: E;
  sides: Sides;
}

/** The geometry of each sample. @param dims 2 for slices, 3 for volumes */
export function drawWarp(
  config: AugmentConfig,
  sides: readonly Sides[],
  dims: number,
  random: Random,
): Draws<WarpDraw> {
  const affine = drawAffine(config, sides, random);
  const stream = random.fork(elastic.name);
  const field = config.elastic === null ? [] : drawElastic(config.elastic, sides.length, dims, stream);
  return joinWarp(affine, field, sides);
}

/** Both kinds of geometry in one draw; null if a sample has neither. */
export function joinWarp(
  affine: Draws<AffineDraw>,
  fields: Draws<ElasticDraw>,
  sides: readonly Sides[],
): Draws<WarpDraw> {
  return sides.map((sampleSides, k) => {
    const [map, field] = [affine[k] ?? null, fields[k] ?? null];
    return map === null && field === null ? null : { affine: map ?? {}, elastic: field, sides: sampleSides };
  });
}

/** Linear interpolation, once for each sample. @param air value outside the image */
export function warp(x: Tensor, draws: Draws<WarpDraw>, air: Air = 0): Tensor {
  // Displacement fields cost more than affine maps, so they are computed only for samples that have one.
  const affineOnly = draws.map((draw) => (draw?.elastic === null ? draw : null));
  const displaced = draws.map((draw) => (isElastic(draw) ? draw : null));
  const sample = (chosen: Tensor, grid: Tensor) =>
    overAir(chosen, air, (raised) => F.gridSample(raised, grid));
  return scope(() => {
    const mapped = onDrawn(x, affineOnly, (chosen, drawn) =>
      sample(chosen, F.affineGrid(thetaOf(drawn, x), chosen.shape)),
    );
    return onDrawn(mapped, displaced, (chosen, drawn) => sample(chosen, elasticGrid(chosen, drawn)));
  });
}

function isElastic(draw: WarpDraw | null): draw is WarpDraw<ElasticDraw> {
  return draw !== null && draw.elastic !== null;
}

/** Position of each point of the output in the input, -1..1: n x spatial x A. */
function elasticGrid(x: Tensor, draws: readonly WarpDraw<ElasticDraw>[]): Tensor {
  const theta = thetaOf(draws, x);
  const [count = 0, dims = 2] = theta.shape;
  const field = displacements(
    draws.map((draw) => draw.elastic),
    x,
  );
  // A(p + d(p)) is Ap + Ad(p): the points move first, so that the affine map does not fold.
  const linear = theta.narrow(2, 0, dims).transpose(1, 2);
  const moved = field.reshape(count, -1, dims).matmul(linear);
  return F.affineGrid(theta, x.shape).add(moved.view(...field.shape));
}

/** The affine maps in the coordinates of affineGrid, n x A x (A + 1), with the dtype and on the device of x. */
function thetaOf(draws: readonly WarpDraw[], { dtype, device }: Tensor): Tensor {
  const dims = draws[0]?.sides.length ?? 2;
  // Grids count from the last axis of the tensor: x, y of B, C, H, W; z, x, y of B, C, H, W, D.
  const order = dims === 2 ? [0, 1] : [2, 0, 1];
  const rows = draws.flatMap(({ affine, sides }) =>
    gridMatrix(affineMatrix(affine, sides), sides, order).flat(),
  );
  return fromTypedArray(Float64Array.from(rows), [draws.length, dims, dims + 1], { dtype, device });
}
