/**
 * Augmentation of batches on their device, in the order of the catalogue: flips, one interpolation for all geometry, blur,
 * noise, the window with its jitter, intensity, erasing. Every draw depends only on the seed of the given stream: the same stream
 * gives the same batch, whatever was drawn before, so a batch depends on seed, epoch and step.
 * Inputs are windowed but not yet clipped at 0 and 1 (augment/window.ts); outputs are within 0..1. Outside a slice is air,
 * never a mirror image. B samples, S slices of a volume, C channels, H height, W width, D slices of a 3D volume.
 */
import { autocast, noGrad, scope, type Tensor } from "@slicestack/torch";
import type { Random } from "@slicestack/stats";
import { findComponent, type Component } from "../config/components.js";
import type { AugmentConfig } from "../config/augment.js";
import { augmentations, optionsOf } from "./catalogue.js";
import { onDrawn, type Air } from "./samples.js";
import type { ChangeTransform, Surroundings, Transform } from "./transform.js";
import { drawWarp, warp } from "./warp.js";

/** Distance of pixel centres in mm along x, y and z. */
export type Spacing = readonly [x: number, y: number, z: number];
/** Distance of pixel centres of a slice, across and down, in any unit: only the ratio matters. */
export type PixelShape = readonly [across: number, down: number];

export interface AugmentOptions {
  /** The value of air in the input, for all channels or for each; default 0, the lower edge of the window. */
  air?: Air;
}

export interface SliceAugmentOptions extends AugmentOptions {
  /** Pixel shape of each sample; default: square. */
  pixels?: readonly PixelShape[];
}

/**
 * wide_BCHW → unit_BCHW, with geometry true to scale by the shape of the pixels. The channels of a slice (its neighbours,
 * its windows) share all draws except the pixels of the noise.
 */
export function augmentSlices(
  wide_BCHW: Tensor,
  config: AugmentConfig,
  random: Random,
  { air = 0, pixels = [] }: SliceAugmentOptions = {},
): Tensor {
  const [batch = 0, , height = 1, width = 1] = wide_BCHW.shape;
  const ratios = Array.from({ length: batch }, (_, k) =>
    pixels[k] === undefined ? 1 : pixels[k][1] / pixels[k][0],
  );
  const sides = ratios.map((ratio) => [width, height * ratio]);
  return augment(wide_BCHW, config, random, { sides, steps: ratios.map((ratio) => [ratio, 1]), air });
}

/** wide_BSCHW → unit_BSCHW: all slices of a volume share all draws except the pixels of the noise, as channels do. */
export function augmentStacks(
  wide_BSCHW: Tensor,
  config: AugmentConfig,
  random: Random,
  { air = 0, ...options }: SliceAugmentOptions = {},
): Tensor {
  return scope(() => {
    const [batch = 0, slices = 1, channels = 1, ...size] = wide_BSCHW.shape;
    const folded = wide_BSCHW.reshape(batch, slices * channels, ...size);
    const channelAir = typeof air === "number" ? air : Array.from({ length: slices }, () => air).flat();
    return augmentSlices(folded, config, random, { ...options, air: channelAir }).view(...wide_BSCHW.shape);
  });
}

/**
 * wide_BCHWD → unit_BCHWD with geometry in all three dimensions, true to scale by the spacing.
 * @param options `spacing` of each volume; default: cubes
 */
export function augmentVolumes(
  wide_BCHWD: Tensor,
  config: AugmentConfig,
  random: Random,
  { air = 0, spacing = [] }: AugmentOptions & { spacing?: readonly Spacing[] } = {},
): Tensor {
  const [batch = 0, , height = 1, width = 1, depth = 1] = wide_BCHWD.shape;
  const spacings = Array.from({ length: batch }, (_, k): Spacing => spacing[k] ?? [1, 1, 1]);
  const sides = spacings.map(([x, y, z]) => [width * x, height * y, depth * z]);
  const steps = spacings.map(([x, y, z]) => [y / x, 1, z / x]);
  return augment(wide_BCHWD, config, random, { sides, steps, air });
}

function augment(wide: Tensor, config: AugmentConfig, random: Random, surroundings: Surroundings): Tensor {
  // Under autocast, sampling positions would be rounded to bfloat16: by up to a third of a pixel at 128.
  const exact = <T>(body: () => T) => autocast({ device: wide.device, enabled: false }, () => noGrad(body));
  const changed = (x: Tensor, step: ChangeTransform["step"]) =>
    applyChanges(step, x, config, random, surroundings);
  return scope(() =>
    exact(() => {
      const { sides, air } = surroundings;
      let x = changed(wide.detach(), "pixels");
      x = warp(x, drawWarp(config, sides, x.dim - 2, random), air);
      x = changed(x, "wide");
      x = changed(x.clamp(0, 1), "unit");
      return applyPlugins(x, config.plugins ?? {}, random);
    }),
  );
}

/** Applies the built-in augmentations of a step, each with a separate stream. */
function applyChanges(
  step: ChangeTransform["step"],
  before: Tensor,
  config: AugmentConfig,
  random: Random,
  surroundings: Surroundings,
): Tensor {
  return augmentations.reduce((x, one: Transform) => {
    const options = optionsOf(one, config);
    if (one.step !== step || options === null) return x;
    return one.change(x, options, random.fork(one.name), surroundings);
  }, before);
}

/** The interface of an augmentation from a plug-in. */
interface PluginAugmentation extends Component {
  draw: (random: Random, options: Record<string, unknown>) => unknown;
  apply: (x: Tensor, drawn: unknown[]) => Tensor;
}

/** Applies the augmentations of plug-ins, each with a separate stream, so that disabling one does not change the others. */
function applyPlugins(
  unit: Tensor,
  settings: Record<string, Record<string, unknown>>,
  random: Random,
): Tensor {
  return Object.entries(settings).reduce((x, [name, options]) => {
    const component = findComponent("augmentation", name) as PluginAugmentation | undefined;
    if (component === undefined) throw new Error(`the plug-in with the augmentation ${name} is not loaded`);
    const stream = random.fork(`plug-in ${name}`);
    const draws = Array.from({ length: x.size(0) }, () => component.draw(stream, options));
    return onDrawn(x, draws, (chosen, drawn) => component.apply(chosen, drawn)).clamp(0, 1);
  }, unit);
}
