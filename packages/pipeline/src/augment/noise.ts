/** Gaussian noise, independent from pixel to pixel. */
import {
  getGeneratorState,
  manualSeed,
  randn,
  scope,
  setGeneratorState,
  type Tensor,
} from "@slicestack/torch";
import { z } from "zod";
import { probability, range } from "./option-ranges.js";
import { column, drawSamples, onDrawn, within } from "./samples.js";
import { defineChange } from "./transform.js";

export const noise = defineChange({
  name: "noise",
  source: "own",
  architecture: "Gaussian noise",
  options: z.strictObject({
    probability: probability(0.3),
    sigma: range([0, 1], [0, 0.03], "Standard deviation, as a share of the window's width"),
  }),
  presets: { light: { probability: 0.2, sigma: [0, 0.02] }, strong: {} },
  step: "wide",
  change: (x, { probability, sigma }, random) => {
    const seed = random.integer(0, 0x7fffffff);
    const sigmas = drawSamples(x.size(0), probability, random, () => within(random, sigma));
    return onDrawn(x, sigmas, (chosen, drawn) => {
      const normal = seededNormal(chosen.shape, seed, chosen.device).to({ dtype: chosen.dtype });
      return chosen.add(normal.mul(column(drawn, chosen)));
    });
  },
});

/** Normal deviates that depend only on the seed; the generator state, which dropout uses, is restored. */
function seededNormal(shape: number[], seed: number, device: string): Tensor {
  return scope(() => {
    const devices = device.startsWith("cuda") ? ["cpu", device] : ["cpu"]; // manualSeed sets both
    const states = devices.map((each) => getGeneratorState(each));
    try {
      manualSeed(seed);
      return randn(shape, { device: devices.at(-1) ?? "cpu" }).to({ device });
    } finally {
      states.forEach((state, k) => setGeneratorState(state, devices[k]));
    }
  });
}
