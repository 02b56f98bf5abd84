/**
 * ModelSpec describes a model: everything needed to build it and to prepare its input, without its training data. A run
 * keeps it as model.json beside its weights; prediction, export and serving need nothing else of the run.
 * H height, W width, D slices of a volume.
 */
import { z } from "zod";
import { planesOf, sliceInputSchema, volumeInputSchema, type SliceInput } from "../input/schema.js";
import { testTimeSchema } from "./test-time.js";

export const SPEC_FORMAT = "slicestack model";

const whole = z.int().min(0);
const positive = z.int().min(1);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const window = z.tuple([z.number(), z.number()]);
/** The name of a loss; the catalogue and plug-ins define which names exist. */
const loss = z.string();
const options = z.record(z.string(), z.unknown()).default({});

/** How volumes are prepared for the model, and how they are stored. */
const preparedSchema = z.strictObject({
  /** The recipe of `prepare`, as dataset.json holds it. */
  recipe: z.record(z.string(), z.unknown()),
  height: positive,
  width: positive,
  /** The smallest and the largest number of slices of a volume in the training data. */
  depths: z.tuple([positive, positive]),
  dtype: z.enum(["int16", "uint8", "uint16", "float32"]),
  unit: z.enum(["HU", "arbitrary"]),
  /** The lowest and highest value that the type or the unit allows. */
  range: window,
});

const trunkSchema = z.strictObject({ name: z.string(), options, dropout: z.number(), loss });

const headObject = z.strictObject({
  name: z.string(),
  options,
  dropout: z.number().nullable(),
  loss,
  /** The number of slices that it was created for: as many as it sees of the deepest volume in the training data. */
  slices: positive,
  /** How many evenly spaced slices of a volume it sees; null = all. */
  sampled: positive.nullable(),
});

/** Version 1 of the format had these options beside the others; null for those that the head does not have. */
const OPTIONS_BESIDE = ["k", "width", "layers"];

function withOptionsInside(head: unknown): unknown {
  if (typeof head !== "object" || head === null || !OPTIONS_BESIDE.some((name) => name in head)) return head;
  const entries = Object.entries(head) as [string, unknown][];
  const beside = entries.filter(([name, value]) => OPTIONS_BESIDE.includes(name) && value !== null);
  const rest = Object.fromEntries(entries.filter(([name]) => !OPTIONS_BESIDE.includes(name)));
  return { ...rest, options: { ...(rest["options"] as object | undefined), ...Object.fromEntries(beside) } };
}

const headSchema = z.preprocess(withOptionsInside, headObject);

const networkSchema = z.strictObject({
  name: z.string(),
  options,
  dropout: z.number().nullable(),
  loss,
  /** Volumes in a batch, as in training. */
  batch: positive,
});

const originSchema = z.strictObject({
  dataset: z.strictObject({ name: z.string(), hash: sha256 }),
  split: sha256,
  /** Volumes of the training and the validation set. */
  volumes: z.strictObject({ train: whole, val: whole }),
});

const common = {
  format: z.literal(SPEC_FORMAT),
  /** Version 2 has all options of the head under `options`. */
  version: z.union([z.literal(1), z.literal(2)]),
  /** The name of the run. */
  name: z.string(),
  classes: z.strictObject({
    names: z.array(z.string()).min(2),
    /** Whether the classes are ordered. */
    ordinal: z.boolean(),
  }),
  prepared: preparedSchema,
  /** What it was trained on; null for an imported checkpoint. */
  trainedOn: originSchema.nullable(),
  /** The views whose predictions are averaged, besides the plain one; absent: none. */
  testTime: testTimeSchema.optional(),
  /** The plug-ins that define its components; it can only be opened with exactly these files. */
  plugins: z.array(z.strictObject({ file: z.string(), sha256 })).default([]),
};

/** How the predictions of slices are combined. */
const voteSchema = z.strictObject({
  rule: z.enum(["mean", "majority", "count", "topk", "noisy_or"]),
  k: positive,
});

const sliceSpecSchema = z.strictObject({
  ...common,
  method: z.literal("2d"),
  input: sliceInputSchema,
  trunk: trunkSchema,
  vote: voteSchema,
});

const stackSpecSchema = z.strictObject({
  ...common,
  method: z.literal("2.5d"),
  input: sliceInputSchema,
  trunk: trunkSchema,
  vote: voteSchema,
  head: headSchema,
  /** Whether trunk and head were finally trained together. */
  isFineTuned: z.boolean(),
});

const volumeSpecSchema = z.strictObject({
  ...common,
  method: z.literal("3d"),
  input: volumeInputSchema,
  network: networkSchema,
});

export const modelSpecSchema = z.discriminatedUnion("method", [
  sliceSpecSchema,
  stackSpecSchema,
  volumeSpecSchema,
]);

/** 2D: slices vote. */
export type SliceSpec = z.output<typeof sliceSpecSchema>;
/** 2.5D: a head on the embeddings of a slice model. */
export type StackSpec = z.output<typeof stackSpecSchema>;
/** 3D: a network on whole volumes. */
export type VolumeSpec = z.output<typeof volumeSpecSchema>;
export type ModelSpec = SliceSpec | StackSpec | VolumeSpec;

/** The number of slices that a head sees of a volume with `count` axial slices. @param sampled at most this many; null = all */
export const seenOf = (count: number, sampled: number | null, input: Pick<SliceInput, "planes">): number =>
  Math.min(sampled ?? Infinity, count * planesOf(input));
