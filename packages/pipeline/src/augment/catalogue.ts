/**
 * The built-in augmentations, in the order in which they are applied, which is also that of the reference. A new one is a
 * new file and an entry here; models/catalogue.ts registers them for the configuration.
 */
import type { z } from "zod";
import type { AugmentConfig } from "../config/augment.js";
import { blur } from "./blur.js";
import { crop } from "./crop.js";
import { elastic } from "./elastic.js";
import { erase } from "./erase.js";
import { flip } from "./flip.js";
import { intensity } from "./intensity.js";
import { noise } from "./noise.js";
import { rotation } from "./rotation.js";
import { scale } from "./scale.js";
import { shear } from "./shear.js";
import type { Transform } from "./transform.js";
import { translation } from "./translation.js";
import { window } from "./window.js";

export const augmentations = [
  flip,
  rotation,
  crop,
  scale,
  shear,
  translation,
  elastic,
  blur,
  noise,
  window,
  intensity,
  erase,
] as const;

type OneOf = (typeof augmentations)[number];

/** The options of each built-in augmentation; null = off. */
export type BuiltInAugmentations = { [A in OneOf as A["name"]]: z.output<A["options"]> | null };

declare module "../config/augment.js" {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the fields are those of the list above
  interface AugmentConfig extends BuiltInAugmentations {}
}

/** The options that a configuration has for an augmentation; null = off. */
export const optionsOf = (
  { name }: Transform,
  config: Partial<AugmentConfig>,
): Record<string, unknown> | null =>
  (config as Record<string, Record<string, unknown> | null | undefined>)[name] ?? null;

/** How far beyond 0..1 the store must keep values for these settings. */
export function valueMargin(config: Partial<AugmentConfig>): number {
  const margins = augmentations.map((augmentation: Transform) => {
    const options = optionsOf(augmentation, config);
    return options === null ? 0 : (augmentation.margin?.(options) ?? 0);
  });
  return Math.max(0, ...margins);
}
