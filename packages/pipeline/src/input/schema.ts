/**
 * The input of a model as plain values: a part of its contract (models/spec.ts), which the stores of this folder follow.
 * H height, W width, D slices.
 */
import { z } from "zod";

const positive = z.int().min(1);

/** The transform from stored values to the scale of a window. */
const values = {
  /** Values that become 0 and 1; each is a channel. */
  windows: z.array(z.tuple([z.number(), z.number()])).min(1),
  /** How far beyond 0..1 values are kept, for the jittered windows of augment/window.ts. */
  margin: z.number().min(0),
  /**
   * Air, or the lowest value of data without HU, on the scale of the window: the values outside a slice. One number, or one
   * per channel if they differ.
   */
  air: z.union([z.number(), z.array(z.number())]),
  /** Mean and standard deviation of the final normalisation. */
  mean: z.number(),
  std: z.number().positive(),
};

export const valueTransformSchema = z.strictObject(values);

export const sliceInputSchema = z.strictObject({
  ...values,
  /** Odd: a slice, and those before and after it in its volume. */
  neighbours: positive,
  /** three: axial slices, then equal numbers of coronal and sagittal ones. */
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

/** The number of slices of a volume for each axial slice. */
export const planesOf = ({ planes }: Pick<SliceInput, "planes">): number => (planes === "three" ? 3 : 1);
