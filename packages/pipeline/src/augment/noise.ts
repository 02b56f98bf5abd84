/** Gaussian noise, independent from pixel to pixel. */
import { getGeneratorState, manualSeed, randn, scope, setGeneratorState, type Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import type { AugmentConfig } from "../config/augment.js";
import { column, drawSamples, onDrawn, within, type Draws } from "./samples.js";

/** Standard deviations as fractions of the window, one per sample, and the seed of the noise. */
export interface NoiseDraw {
  sigmas: Draws<number>;
  seed: number;
}

export function drawNoise(config: AugmentConfig["noise"], batch: number, random: Random): NoiseDraw {
  if (config === null) return { sigmas: new Array<null>(batch).fill(null), seed: 0 };
  const seed = random.integer(0, 0x7fffffff);
  return { sigmas: drawSamples(batch, config.probability, random, () => within(random, config.sigma)), seed };
}

export function addNoise(x: Tensor, { sigmas, seed }: NoiseDraw): Tensor {
  return onDrawn(x, sigmas, (chosen, drawn) =>
    chosen.add(seededNormal(chosen.shape, seed, chosen.device).to({ dtype: chosen.dtype }).mul(column(drawn, chosen))),
  );
}

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
