/**
 * The settings of augmentation: presets, and every transform by itself. The transforms are in src/augment, and
 * docs/explanation/augmentation.md shows pictures of them. File and program spell these keys alike.
 */
import { z } from "zod";
import { isAcceptingUnknown } from "./accepting.js";
import { componentsEdition, componentsOf } from "./components.js";
import { key } from "./notes.js";

export type Range = [low: number, high: number];

/** One entry for each transform; null = off. A probability applies to a slice (or to a volume, if volumes are augmented). */
export interface BuiltInAugmentations {
  rotation: { probability: number; degrees: Range; tilt: Range } | null;
  crop: { probability: number; area: Range; aspect: Range } | null;
  translation: { probability: number; share: Range } | null;
  scale: { probability: number; factor: Range } | null;
  shear: { probability: number; degrees: Range } | null;
  flip: { horizontal: number; vertical: number; slices: number } | null;
  elastic: { probability: number; intervals: number; displacement: Range } | null;
  blur: { probability: number; sigma: Range } | null;
  noise: { probability: number; sigma: Range } | null;
  window: { probability: number; level: Range; width: Range } | null;
  intensity: { probability: number; scale: Range; shift: Range; gamma: Range } | null;
  erase: { probability: number; area: Range; aspect: Range } | null;
}

/** With the augmentations of plug-ins by their names, if there are any. They are applied last, in the order of this object. */
export interface AugmentConfig extends BuiltInAugmentations {
  plugins?: Record<string, Record<string, unknown>>;
}

export type AugmentPreset = "none" | "published" | "light" | "strong";

type Transform = { [K in keyof BuiltInAugmentations]: NonNullable<AugmentConfig[K]> };

/** The values of a transform's keys that neither the file nor the preset gives. */
export const transformDefaults: Transform = {
  rotation: { probability: 1, degrees: [-15, 15], tilt: [0, 0] },
  crop: { probability: 1, area: [0.8, 1], aspect: [3 / 4, 4 / 3] },
  translation: { probability: 1, share: [-0.1, 0.1] },
  scale: { probability: 1, factor: [0.95, 1.05] },
  shear: { probability: 1, degrees: [-10, 10] },
  flip: { horizontal: 0, vertical: 0, slices: 0 },
  elastic: { probability: 0.3, intervals: 4, displacement: [0.1, 0.3] },
  blur: { probability: 0.2, sigma: [0.4, 1] },
  noise: { probability: 0.3, sigma: [0, 0.03] },
  window: { probability: 0.5, level: [-0.05, 0.05], width: [0.9, 1.1] },
  intensity: { probability: 0.3, scale: [0.9, 1.1], shift: [-0.05, 0.05], gamma: [0.8, 1.25] },
  erase: { probability: 0.2, area: [0.02, 0.1], aspect: [0.3, 3.3] },
};

const none: AugmentConfig = {
  rotation: null,
  crop: null,
  translation: null,
  scale: null,
  shear: null,
  flip: null,
  elastic: null,
  blur: null,
  noise: null,
  window: null,
  intensity: null,
  erase: null,
};

// Garg, Garg, Duncan, Electronics 14(13), 2571, 2025: slices see five of them, in plane; the tilt is for volumes.
const published: AugmentConfig = {
  ...none,
  rotation: { ...transformDefaults.rotation, tilt: [-5, 5] },
  crop: transformDefaults.crop,
  translation: transformDefaults.translation,
  scale: transformDefaults.scale,
  shear: transformDefaults.shear,
};

export const augmentPresets: Record<AugmentPreset, AugmentConfig> = {
  none,
  published,
  // For small, fine structures, which the published crop and shear deform: little geometry and few changes of intensity.
  light: {
    ...none,
    rotation: { probability: 1, degrees: [-7, 7], tilt: [-2, 2] },
    translation: { probability: 1, share: [-0.05, 0.05] },
    scale: { probability: 1, factor: [0.95, 1.05] },
    noise: { probability: 0.2, sigma: [0, 0.02] },
    window: { probability: 0.3, level: [-0.02, 0.02], width: [0.95, 1.05] },
  },
  // The published set, what differs between scanners and kernels, and lungs mirrored from left to right.
  strong: {
    ...published,
    flip: { horizontal: 0.5, vertical: 0, slices: 0 },
    elastic: transformDefaults.elastic,
    blur: transformDefaults.blur,
    noise: transformDefaults.noise,
    window: transformDefaults.window,
    intensity: transformDefaults.intensity,
    erase: transformDefaults.erase,
  },
};

const presetNames = Object.keys(augmentPresets) as [AugmentPreset, ...AugmentPreset[]];
const probability = () =>
  key(z.number().min(0).max(1).optional(), "a number from 0 to 1", "Probability of the transform");

function range(low: number, high: number, meaning: string) {
  const bounded = z.number().min(low).max(high);
  const schema = z
    .tuple([bounded, bounded])
    .refine(([from, to]) => from <= to, "expected [low, high] with low below high");
  const words = high === Infinity ? `at least ${low}` : `each from ${low} to ${high}`;
  return key(schema.optional(), `[low, high], ${words}`, meaning);
}

function transform<S extends z.core.$ZodLooseShape>(shape: S) {
  return z.strictObject(shape).nullable().optional();
}

/** The section that a file may have instead of a preset's name. */
export function augmentSettings() {
  if (built?.edition !== componentsEdition()) {
    const plugins = componentsOf("augmentation").map(({ name, options }) => [name, options.nullable().optional()]);
    const schema = z.strictObject({ ...builtInSettings.shape, ...(Object.fromEntries(plugins) as object) });
    built = { edition: componentsEdition(), schema };
  }
  return built.schema;
}

let built: { edition: number; schema: typeof builtInSettings } | undefined;

const builtInSettings = z.strictObject({
  preset: key(z.enum(presetNames).optional(), "none, light, published or strong", "Preset that the keys below change"),
  rotation: transform({
    probability: probability(),
    degrees: range(-180, 180, "Rotation in the plane of the slice, counter-clockwise"),
    tilt: range(-45, 45, "Rotation of a volume about its two other axes, in degrees; no effect on slices"),
  }),
  crop: transform({
    probability: probability(),
    area: range(0.05, 1, "Share of the slice that is kept and stretched to full size"),
    aspect: range(0.1, 10, "Width divided by height of the part that is kept, drawn uniformly on a logarithmic scale"),
  }),
  translation: transform({
    probability: probability(),
    share: range(-1, 1, "Shift along each axis, as a share of its length"),
  }),
  scale: transform({
    probability: probability(),
    factor: range(0.1, 10, "Size after the transform divided by the size before"),
  }),
  shear: transform({
    probability: probability(),
    degrees: range(-60, 60, "Slant of the columns (of each axis in a volume)"),
  }),
  flip: transform({
    horizontal: key(
      z.number().min(0).max(1).optional(),
      "a number from 0 to 1",
      "Probability that left and right are exchanged",
    ),
    vertical: key(
      z.number().min(0).max(1).optional(),
      "a number from 0 to 1",
      "Probability that front and back are exchanged",
    ),
    slices: key(
      z.number().min(0).max(1).optional(),
      "a number from 0 to 1",
      "Probability that the slices of a volume are reversed; no effect on slices",
    ),
  }),
  elastic: transform({
    probability: probability(),
    intervals: key(
      z.int().min(1).max(32).optional(),
      "a whole number from 1 to 32",
      "Intervals between control points along each axis; more intervals give smaller waves",
    ),
    displacement: range(
      0,
      0.4,
      "Largest displacement of a control point, as a share of an interval; up to 0.4 the image does not fold",
    ),
  }),
  blur: transform({ probability: probability(), sigma: range(0, 10, "Standard deviation of the Gaussian, in pixels") }),
  noise: transform({
    probability: probability(),
    sigma: range(0, 1, "Standard deviation, as a share of the window's width"),
  }),
  window: transform({
    probability: probability(),
    level: range(-1, 1, "Shift of the window, as a share of its width"),
    width: range(0.1, 4, "Width of the window divided by its width before"),
  }),
  intensity: transform({
    probability: probability(),
    scale: range(0, 4, "Factor of the values 0..1"),
    shift: range(-1, 1, "Added after the factor"),
    gamma: range(0.1, 10, "Exponent of the result"),
  }),
  erase: transform({
    probability: probability(),
    area: range(0, 0.9, "Share of the slice that is covered by one grey value"),
    aspect: range(0.1, 10, "Width divided by height of the covered box, drawn uniformly on a logarithmic scale"),
  }),
});

type Settings = z.output<typeof builtInSettings>;

/** The complete settings that a preset's changes give: the file's keys, then the preset's, then the defaults. */
function complete({ preset = "none", ...changes }: Settings): AugmentConfig {
  const entries = Object.keys(none).map((name): [string, unknown] => {
    const transform = name as keyof BuiltInAugmentations;
    const [change, base] = [changes[transform], augmentPresets[preset][transform]];
    if (change === undefined) return [transform, base];
    return [transform, change === null ? null : { ...transformDefaults[transform], ...base, ...change }];
  });
  const plugins = Object.entries(changes).filter(([name, change]) => !(name in none) && change !== null);
  const added = plugins.length === 0 ? [] : [["plugins", Object.fromEntries(plugins)] as const];
  return structuredClone(Object.fromEntries([...entries, ...added])) as unknown as AugmentConfig;
}

/** If plug-ins are not loaded, a section without a transform of its name belongs to one of them. */
function settingsFor(value: object): typeof builtInSettings {
  const settings = augmentSettings();
  if (!isAcceptingUnknown()) return settings;
  const foreign = Object.keys(value).filter((name) => !(name in settings.shape));
  const loose = z.record(z.string(), z.unknown()).nullable().optional();
  const sections = foreign.map((name) => [name, loose]);
  return z.strictObject({ ...settings.shape, ...(Object.fromEntries(sections) as object) });
}

/** A preset's name, true (published), false (none), or changes to a preset. */
export const augmentSchema = () =>
  z.unknown().transform((value, context): AugmentConfig => {
    const named = value === true ? "published" : value === false ? "none" : value;
    const name = presetNames.find((preset) => preset === named);
    if (name !== undefined) return structuredClone(augmentPresets[name]);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      context.addIssue({ code: "invalid_type", expected: "object", input: value });
      return z.NEVER;
    }
    const parsed = settingsFor(value).safeParse(value);
    if (parsed.success) return complete(parsed.data);
    for (const issue of parsed.error.issues)
      context.issues.push({ ...issue, path: [...issue.path], input: value } as z.core.$ZodRawIssue);
    return z.NEVER;
  });

/** How a file writes the settings: the name of the preset that they are, else every transform that is on. */
export function augmentToFile(config: AugmentConfig): AugmentPreset | Partial<AugmentConfig> {
  const same = presetNames.find((name) => JSON.stringify(augmentPresets[name]) === JSON.stringify(config));
  if (same !== undefined) return same;
  const { plugins = {}, ...rest } = config;
  return { ...Object.fromEntries(Object.entries(rest).filter(([, setting]) => setting !== null)), ...plugins };
}
