/**
 * What a model sees, as plain values: a part of its contract (models/spec.ts), and what the stores of this folder follow.
 * H height, W width, D slices.
 */
import { z } from "zod";

const positive = z.int().min(1);

/** From stored values to the scale of a window. */
const values = {
  /** Values that become 0 and 1; each is a channel. */
  windows: z.array(z.tuple([z.number(), z.number()])).min(1),
  /** How far beyond 0..1 values are kept, so that a jittered window (augment/window.ts) finds what it shows. */
  margin: z.number().min(0),
  /**
   * Air, or the lowest value of data that are no HU, on the scale of the window: what lies outside of a slice. One number,
   * or one a channel where they differ.
   */
  air: z.union([z.number(), z.array(z.number())]),
  /** Subtracted and divided by at last. */
  mean: z.number(),
  std: z.number().positive(),
};

export const valueTransformSchema = z.strictObject(values);

export const sliceInputSchema = z.strictObject({
  ...values,
  /** Odd: a slice, and those before and behind it in its volume. */
  neighbours: positive,
  /** three: axial slices, then as many coronal and sagittal ones. */
  planes: z.enum(["axial", "three"]),
  /** H, W that the model sees. */
  size: z.tuple([positive, positive]),
});

export const volumeInputSchema = z.strictObject({
  ...values,
  /** H, W, D that the model sees. */
  size: z.tuple([positive, positive, positive]),
  fit: z.enum(["resize", "pad"]),
});

export type ValueTransform = z.output<typeof valueTransformSchema>;
export type Window = ValueTransform["windows"][number];
export type SliceInput = z.output<typeof sliceInputSchema>;
export type VolumeInput = z.output<typeof volumeInputSchema>;

/** Channels of a slice: its neighbours in each window. */
export const channelsOf = ({ windows, neighbours }: Pick<SliceInput, "windows" | "neighbours">): number =>
  windows.length * neighbours;

/** How many slices a volume has for each axial one. */
export const planesOf = ({ planes }: Pick<SliceInput, "planes">): number => (planes === "three" ? 3 : 1);
