import { z } from "zod";
import { augmentSchema, augmentSettings } from "./augment.js";
import { classProblems } from "./classes.js";
import { key } from "./notes.js";

const WHOLE = "a whole number";
const flag = (initial: boolean) => z.boolean().default(initial);
const trueOrFalse = "true or false";

export const classList = z.array(z.int().min(0)).min(1);
export const classListExpects = "a list of whole numbers, e.g. [0, 2]";
// YAML's integer keys arrive as text, because a JavaScript object has no other keys.
export const classMap = z.record(z.string().regex(/^(0|[1-9]\d*)$/), z.int().min(0));
export const classMapExpects = "a map of whole numbers, e.g. {0: 0, 1: 1, 2: 1}";

function stageShape(defaults: { epochs: number; dropout: number }) {
  return {
    epochs: key(z.int().min(1).default(defaults.epochs), `${WHOLE}, at least 1`, "Passes over the training part"),
    batch_size: key(z.int().min(1).default(32), `${WHOLE}, at least 1`, "Samples in a step"),
    optimizer: key(
      z.enum(["adam", "adamw", "sgd"]).default("adam"),
      "adam, adamw or sgd",
      "Update rule; AdamW decouples the weight decay",
    ),
    learning_rate: key(z.number().positive().default(3e-4), "a number above 0", "Step size at its highest"),
    weight_decay: key(z.number().min(0).default(0), "a number, at least 0", "L2 penalty"),
    momentum: key(z.number().min(0).lt(1).default(0.9), "a number from 0 to below 1", "Momentum of sgd"),
    schedule: key(
      z.enum(["plateau", "cosine", "step", "one_cycle", "constant"]).default("plateau"),
      "plateau, cosine, step, one_cycle or constant",
      "Learning rate over time; plateau: x0.1 after 5 epochs without progress in validation",
    ),
    warmup_epochs: key(z.int().min(0).default(0), `${WHOLE}, at least 0`, "Epochs of linear rise to the learning rate"),
    dropout: key(
      z.number().min(0).lt(1).default(defaults.dropout),
      "a number from 0 to below 1",
      "Share of features dropped in the classifier",
    ),
    weighted_sampler: key(flag(true), trueOrFalse, "Draw every class equally often"),
    subject_sampler: key(
      flag(false),
      trueOrFalse,
      "Draw every subject equally often, within its class where weighted_sampler is true; both false: plain, each item once",
    ),
    loss: key(
      z.enum(["cross_entropy", "focal", "ordinal"]).default("cross_entropy"),
      "cross_entropy, focal or ordinal",
      "focal: what is right already weighs little; ordinal: the classes are grades in order (CORN)",
    ),
    focal_gamma: key(z.number().min(0).default(2), "a number, at least 0", "How little (focal); 0 = cross entropy"),
    focal_alpha: key(
      z.array(z.number().positive()).min(2).nullable().default(null),
      "a list of numbers above 0, one for each task class, or null",
      "Factor of each class (focal)",
    ),
    weighted_loss: key(flag(false), trueOrFalse, "Weight the loss by class, rare ones more"),
    class_weights: key(
      z.enum(["inverse", "effective"]).default("inverse"),
      "inverse or effective",
      "How weighted_loss weighs: by 1 / frequency, or by 1 / effective number of samples",
    ),
    effective_beta: key(
      z.number().min(0).lt(1).default(0.999),
      "a number from 0 to below 1",
      "Overlap of samples (effective): 0 weighs all classes alike, near 1 as inverse does",
    ),
    label_smoothing: key(
      z.number().min(0).lt(1).default(0),
      "a number from 0 to below 1",
      "Share of the target spread over all classes",
    ),
    clip_norm: key(
      z.number().positive().nullable().default(null),
      "a number above 0, or null",
      "Largest norm of the gradient; null = not clipped",
    ),
  };
}

const sliceShape = {
  model: key(
    z.enum(["resnet18", "resnet34", "resnet50", "custom_resnet", "slice_cnn"]).default("custom_resnet"),
    "resnet18, resnet34, resnet50, custom_resnet or slice_cnn",
    "The 2D network; custom_resnet is ResNet-50 with the head 2048-512-256-C",
  ),
  pretrained: key(
    z.string().min(1).nullable().default(null),
    "a path, imagenet, imagenet_v2, or null",
    "Weights that the trunk starts from: torchvision's for ImageNet, or a file with their names",
  ),
  slices_per_volume: key(
    z.int().min(1).nullable().default(null),
    `${WHOLE}, at least 1, or null`,
    "Slices an epoch draws from each training volume, and looks at of each validation volume; null = all",
  ),
  size: key(
    z
      .tuple([z.int().min(8), z.int().min(8)])
      .nullable()
      .default(null),
    "[height, width] in pixels, each at least 8, or null",
    "Size that slices are resized to; null = as prepared",
  ),
  mixup: key(
    z.number().min(0).default(0),
    "a number, at least 0",
    "Mix slices and their labels: parameter of the Beta distribution of the shares, e.g. 0.2; 0 = off",
  ),
  cutmix: key(
    z.number().min(0).default(0),
    "a number, at least 0",
    "Put a box of one slice into another, labels in its share: the same parameter, e.g. 1; 0 = off",
  ),
  soft_labels: key(flag(false), trueOrFalse, "Weigh a slice's label by the chance that it shows the finding"),
  soft_label_warmup: key(z.int().min(1).default(3), `${WHOLE}, at least 1`, "Epochs before soft_labels begins"),
  soft_label_floor: key(
    z.number().positive().max(1).default(0.1),
    "a number above 0, at most 1",
    "Least weight of a slice (soft_labels)",
  ),
  ...stageShape({ epochs: 20, dropout: 0 }),
};

const volumeShape = {
  head: key(
    z
      .enum(["flatten", "mean", "max", "attention", "topk", "noisy_or", "conv1d", "gru", "transformer"])
      .default("flatten"),
    "flatten, mean, max, attention, topk, noisy_or, conv1d, gru or transformer",
    "How the slice embeddings of a volume become one (models.md): flatten = stacked, 2048-128-C",
  ),
  ...stageShape({ epochs: 30, dropout: 0.2 }),
};

const taskShape = {
  classes_to_include: key(
    classList.nullable().default(null),
    `${classListExpects}, or null`,
    "Original labels that take part; null = all",
  ),
  class_mapping: key(
    classMap.nullable().default(null),
    `${classMapExpects}, or null`,
    "Original label to task class; null = the included labels in ascending order",
  ),
  class_names: key(
    z.array(z.string().min(1)).min(2).nullable().default(null),
    "a list of texts, one for each task class, or null",
    "Names of the task classes in reports; null = from the data set",
  ),
};

const transformShape = {
  window: key(
    z
      .tuple([z.number(), z.number()])
      .refine(([low, high]) => low < high, "expected [low, high] with low below high")
      .nullable()
      .default(null),
    "[low, high], or null",
    "Values (HU in a CT) that become 0 and 1; null = the data set's own range",
  ),
  mean: key(z.number().default(0.485), "a number", "Subtracted after the window"),
  std: key(z.number().positive().default(0.229), "a number above 0", "Divided by after the mean"),
  augment: key(
    augmentSchema.prefault("published"),
    "none, light, published, strong, true (published), false (none), or a section with keys such as preset, rotation",
    "Random changes of training slices: a set by its name, or changes to one (below)",
    { initial: "published", inside: augmentSettings },
  ),
};

const splitShape = {
  seed: key(z.int().min(0).max(0xffffffff).default(0), `${WHOLE} from 0 to 4294967295`, "Seed of the split"),
  fractions: key(
    z
      .tuple([z.number().positive(), z.number().positive(), z.number().positive()])
      .refine((parts) => Math.abs(parts[0] + parts[1] + parts[2] - 1) < 1e-6, "expected three shares that sum to 1")
      .default([0.6, 0.2, 0.2]),
    "[train, val, test], each above 0, that sum to 1",
    "Shares of the subjects",
  ),
};

/** The structured file, snake_case, every key with its default. */
export const runConfigSchema = z.strictObject({
  name: key(
    z
      .string()
      .regex(/^[^\s/\\.][^/\\]*$/)
      .default("run"),
    "a text without slashes that starts with no dot",
    "Name of the run and its folder",
  ),
  seed: key(z.int().min(0).max(0xffffffff).default(0), `${WHOLE} from 0 to 4294967295`, "Seed of training"),
  device: key(
    z
      .string()
      .regex(/^(auto|cpu|mps|cuda:\d+)$/)
      .default("auto"),
    "auto, cpu, mps or cuda:N, e.g. cuda:0",
    "Where tensors live; auto = the first GPU, else the CPU",
  ),
  threads: key(
    z.union([z.int().min(1), z.literal("auto")]).default("auto"),
    `${WHOLE}, at least 1, or auto`,
    "CPU threads of libtorch; auto = the usable cores",
  ),
  precision: key(
    z.enum(["auto", "float32", "bfloat16"]).default("auto"),
    "auto, float32 or bfloat16",
    "Arithmetic of training; auto = bfloat16 where the device computes it natively",
  ),
  overfit: key(flag(false), trueOrFalse, "Train on a small fixed subset, to see that the model can fit at all"),
  relaunch: key(flag(false), trueOrFalse, "Go on in the run folder of the same name"),
  checkpoint: key(
    z.string().min(1).nullable().default(null),
    "a path, or null",
    "Weights of the slice model to start from: of a run, or saved by PyTorch",
  ),
  task: z.strictObject(taskShape).superRefine(checkClasses).prefault({}),
  split: z.strictObject(splitShape).prefault({}),
  transform: z.strictObject(transformShape).prefault({}),
  slice: z.strictObject(sliceShape).superRefine(checkWarmup).prefault({}),
  volume: z.strictObject(volumeShape).superRefine(checkWarmup).prefault({}),
});

export type ConfigFile = z.output<typeof runConfigSchema>;

function checkWarmup(stage: { epochs: number; warmup_epochs: number }, context: z.RefinementCtx): void {
  if (stage.warmup_epochs <= stage.epochs) return;
  const message = `expected at most the ${stage.epochs} epochs of the stage, received ${stage.warmup_epochs}`;
  context.addIssue({ code: "custom", path: ["warmup_epochs"], message });
}

function checkClasses(
  task: {
    classes_to_include: number[] | null;
    class_mapping: Record<string, number> | null;
    class_names: string[] | null;
  },
  context: z.RefinementCtx,
): void {
  for (const { key: path, message } of classProblems(task)) context.addIssue({ code: "custom", path: [path], message });
}
