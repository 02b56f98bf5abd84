/** The presets of augmentation. Each built-in augmentation states its options in every preset that includes it. */
export const AUGMENT_PRESETS = [
  "none",
  // The augmentations of the paper: Garg, Garg, Duncan, Electronics 14(13), 2571, 2025.
  "published",
  // For small, fine structures, which the published crop and shear deform: little geometry and few changes of intensity.
  "light",
  // The published set, what differs between scanners and kernels, and lungs mirrored from left to right.
  "strong",
] as const;

export type AugmentPreset = (typeof AUGMENT_PRESETS)[number];

/** The options of an augmentation in each preset that includes it; options that are left out have their defaults. */
export type PresetOptions<O = object> = Partial<Record<Exclude<AugmentPreset, "none">, Partial<O>>>;
