/** Gaussian blur, one axis after the other, like a smoother reconstruction kernel. */
import { fromTypedArray, functional as F, scope, type Tensor } from "@slicestack/torch";
import { z } from "zod";
import { probability, range } from "./option-ranges.js";
import { drawSamples, onDrawn, overAir, within, type Draws, type Air } from "./samples.js";
import { defineChange } from "./transform.js";

export const blur = defineChange({
  name: "blur",
  source: "own",
  architecture: "Gaussian blur",
  options: z.strictObject({
    probability: probability(0.2),
    sigma: range([0, 10], [0.4, 1], "Standard deviation of the Gaussian, in pixels"),
  }),
  presets: { strong: {} },
  step: "wide",
  change: (x, { probability, sigma }, random, { steps, air }) =>
    gaussianBlur(
      x,
      drawSamples(x.size(0), probability, random, () => within(random, sigma)),
      steps,
      air,
    ),
});

/**
 * @param draws standard deviations in pixels, one per sample
 * @param steps distance of neighbours along each spatial axis, in the pixels of sigma; one list per sample
 * @param air value outside the image
 */
export function gaussianBlur(
  x: Tensor,
  draws: Draws<number>,
  steps: readonly (readonly number[])[],
  air: Air = 0,
): Tensor {
  const pairs = draws.map((sigma, k) =>
    sigma === null || sigma === 0 ? null : { sigma, steps: steps[k] ?? [] },
  );
  return onDrawn(x, pairs, (chosen, drawn) =>
    overAir(chosen, air, (raised) => {
      const sigmas = (axis: number) => drawn.map(({ sigma, steps: each }) => sigma / (each[axis] ?? 1));
      return raised.shape
        .slice(2)
        .reduce((image, _, axis) => blurAxis(image, axis + 2, sigmas(axis)), raised);
    }),
  );
}

/** @param sigmas of each sample, in steps of this axis */
function blurAxis(x: Tensor, axis: number, sigmas: readonly number[]): Tensor {
  return scope(() => {
    const { shape } = x;
    const radius = Math.max(1, Math.ceil(4 * Math.max(...sigmas)));
    const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
    const [size = 1, before, after] = [
      shape[axis],
      product(shape.slice(1, axis)),
      product(shape.slice(axis + 1)),
    ];
    // A separate convolution for each sample and for each index of the axes before this one.
    const kernels = fromTypedArray(
      Float64Array.from(sigmas.flatMap((sigma) => gaussian(sigma, radius))),
      [sigmas.length, 1, 1, 2 * radius + 1, 1],
      { dtype: x.dtype, device: x.device },
    );
    const groups = sigmas.length * before;
    const weight = kernels.expand(-1, before, -1, -1, -1).reshape(groups, 1, 2 * radius + 1, 1);
    return F.conv2d(x.reshape(1, groups, size, after), weight, null, { padding: [radius, 0], groups }).view(
      ...shape,
    );
  });
}

/** Weights at -radius..radius that sum to 1. */
export function gaussian(sigma: number, radius: number): number[] {
  const weights = Array.from({ length: 2 * radius + 1 }, (_, k) =>
    Math.exp(-((k - radius) ** 2) / (2 * sigma ** 2)),
  );
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}
