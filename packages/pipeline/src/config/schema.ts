import { z } from "zod";
import { augmentSchema, augmentSettings } from "./augment.js";
import { componentChoice, type Choice } from "./choice.js";
import { classProblems } from "./classes.js";
import { componentNames, componentsEdition, findComponent, orList, settingsOfKind } from "./components.js";
import { key } from "./notes.js";

const WHOLE = "a whole number";
/** A name of a folder: no slash, no line break, nothing that a terminal would obey. */
export const NAME = /^[^\s/\\.\u0000-\u001f\u007f-\u009f][^/\\\u0000-\u001f\u007f-\u009f]*$/; // eslint-disable-line no-control-regex
/** One line that is shown as it is. */
const LINE = /^[^\u0000-\u001f\u007f-\u009f]+$/; // eslint-disable-line no-control-regex
const flag = (initial: boolean) => z.boolean().default(initial);
const trueOrFalse = "true or false";

export const classList = z.array(z.int().min(0)).min(1);
export const classListExpects = "a list of whole numbers, e.g. [0, 2]";
// YAML's integer keys arrive as text, because a JavaScript object has no other keys.
export const classMap = z.record(z.string().regex(/^(0|[1-9]\d*)$/), z.int().min(0));
export const classMapExpects = "a map of whole numbers, e.g. {0: 0, 1: 1, 2: 1}";

/** How any stage goes through its data. */
function optimisationShape(defaults: { epochs: number; batch: number; rate: number }) {
  return {
    batch_size: key(z.int().min(1).default(defaults.batch), `${WHOLE}, at least 1`, "Samples in a step"),
    accumulate: key(
      z.int().min(1).default(1),
      `${WHOLE}, at least 1`,
      "Pieces that a batch is computed in, for less memory: the step is the same, but for batch norm, which sees a piece at a time",
    ),
    optimizer: key(
      z.enum(["adam", "adamw", "sgd"]).default("adam"),
      "adam, adamw or sgd",
      "Update rule; AdamW decouples the weight decay",
    ),
    learning_rate: key(z.number().positive().default(defaults.rate), "a number above 0", "Step size at its highest"),
    weight_decay: key(z.number().min(0).default(0), "a number, at least 0", "L2 penalty"),
    momentum: key(z.number().min(0).lt(1).default(0.9), "a number from 0 to below 1", "Momentum of sgd"),
    schedule: key(
      z.enum(["plateau", "cosine", "step", "one_cycle", "constant"]).default("plateau"),
      "plateau, cosine, step, one_cycle or constant",
      "Learning rate over time; plateau: x0.1 after 5 epochs without progress in validation",
    ),
    warmup_epochs: key(
      z.int().min(0).default(0),
      `${WHOLE}, at least 0`,
      "Epochs of linear rise to the learning rate; one_cycle has its own",
    ),
    clip_norm: key(
      z.number().positive().nullable().default(null),
      "a number above 0, or null",
      "Largest norm of the gradient; null = not clipped",
    ),
    ema: key(
      z.number().min(0).lt(1).default(0),
      "a number from 0 to below 1",
      "Validate and keep a moving average of the weights that decays by this each step, e.g. 0.999; 0 = the weights themselves",
    ),
    select: componentChoice("metric", "What chooses the best epoch on val; of equal ones the lower loss"),
    patience: key(
      z.int().min(1).nullable().default(null),
      `${WHOLE}, at least 1, or null`,
      "Stop after so many epochs without a better one; null = go through all",
    ),
    sync_batch_norm: key(
      flag(false),
      trueOrFalse,
      "With several processes: batch norm over the whole batch, as one process has it",
    ),
    weighted_sampler: key(flag(true), trueOrFalse, "Draw every class equally often"),
    subject_sampler: key(
      flag(false),
      trueOrFalse,
      "Draw every subject equally often, within its class where weighted_sampler is true; both false: plain, each item once",
    ),
  };
}

function stageShape(defaults: { epochs: number; least?: number }) {
  const { least = 1 } = defaults;
  const { batch_size, ...rest } = optimisationShape({ ...defaults, batch: 32, rate: 3e-4 });
  return {
    epochs: key(
      z.int().min(least).default(defaults.epochs),
      `${WHOLE}, at least ${least}`,
      `Passes over the training part${least === 0 ? "; 0 = the slice model stays as it starts" : ""}`,
    ),
    batch_size,
    ...rest,
    loss: componentChoice("loss", hintsOf("loss")),
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
  };
}

const sliceShape = () => ({
  model: componentChoice("trunk", withHints("The 2D network", "trunk")),
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
  vote: key(
    z.enum(["mean", "majority", "count", "topk", "noisy_or"]).default("mean"),
    "mean, majority, count, topk or noisy_or",
    "How the slices of a volume vote, where they do (protocol.md); count: from a number of slices on, which is swept on val",
  ),
  vote_k: key(z.int().min(1).default(8), `${WHOLE}, at least 1`, "Slices of each class that vote (topk)"),
  dropout: key(
    z.number().min(0).lt(1).default(0),
    "a number from 0 to below 1",
    "Share of features dropped in the classifier",
  ),
  ...stageShape({ epochs: 20, least: 0 }),
});

const volumeShape = () => ({
  head: componentChoice("head", withHints("2.5d: how the slices of a volume become one (models.md)", "head")),
  k: headOption("k", "Slices that count"),
  width: headOption("width", "Width of the head"),
  layers: headOption("layers", "Layers of the head"),
  slices: key(
    z.int().min(1).nullable().default(null),
    `${WHOLE}, at least 1, or null`,
    "2.5d: slices of a volume, at even distances, that the head sees; null = all",
  ),
  views: key(
    z.int().min(0).default(0),
    `${WHOLE}, at least 0`,
    "2.5d: embeddings of each training volume as transform.augment changes it, all slices alike, so many times beside the plain ones; an epoch draws one of them",
  ),
  model: componentChoice("network", withHints("3d: the network that sees whole volumes", "network")),
  size: key(
    z
      .tuple([z.int().min(8), z.int().min(8), z.int().min(1)])
      .nullable()
      .default(null),
    "[height, width, slices], or null",
    "3d: size that the network sees; null = as prepared, which needs one depth in all volumes",
  ),
  fit: key(
    z.enum(["resize", "pad"]).default("resize"),
    "resize or pad",
    "3d: how volumes come to that size: by interpolation, or cut and padded with air around their middle, which keeps the scale",
  ),
  dropout: key(
    z.number().min(0).lt(1).nullable().default(null),
    "a number from 0 to below 1, or null",
    "Share of features dropped in the classifier; null = the published one: 0.2 in heads, in 3d the model's own",
  ),
  ...stageShape({ epochs: 30 }),
});

const fineTuneShape = () => ({
  epochs: key(
    z.int().min(0).default(0),
    `${WHOLE}, at least 0`,
    "2.5d, third step: passes that train trunk and head together; 0 = leave the trunk frozen",
  ),
  slices: key(
    z.int().min(1).nullable().default(null),
    `${WHOLE}, at least 1, or null`,
    "Slices of a volume, drawn anew each time; null = all",
  ),
  chunk: key(
    z.int().min(1).default(32),
    `${WHOLE}, at least 1`,
    "Slices whose activations are held at once: they are computed again for their gradient",
  ),
  ...optimisationShape({ epochs: 0, batch: 8, rate: 1e-5 }),
});

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
    z.array(z.string().regex(LINE)).min(2).nullable().default(null),
    "a list of texts of one line, one for each task class, or null",
    "Names of the task classes in reports; null = from the data set",
  ),
  ordinal: key(
    z.boolean().nullable().default(null),
    "true, false or null",
    "Whether the classes are grades in order, from which quadratic kappa, the error in grades and loss ordinal take their meaning; null = true for three or more classes named by rising numbers or CT-0, CT-1, …",
  ),
  shuffle_labels: key(
    flag(false),
    trueOrFalse,
    "The control: subjects of train and of val exchange their labels, by `seed`; a sound pipeline then scores chance on test, whose labels stay",
  ),
};

const transformShape = () => ({
  window: key(
    z
      .tuple([z.number(), z.number()])
      .refine(([low, high]) => low < high, "expected [low, high] with low below high")
      .nullable()
      .default(null),
    "[low, high], or null",
    "Values (HU in a CT) that become 0 and 1; null = -1000 to 400 HU; without HU the range of bytes and of fractions within 0..1, else percentiles 0.5 and 99.5 of the training values, kept in the run's config.yaml",
  ),
  windows: key(
    z
      .array(
        z
          .tuple([z.number(), z.number()])
          .refine(([low, high]) => low < high, "expected [low, high] with low below high"),
      )
      .min(2)
      .max(8)
      .nullable()
      .default(null),
    "a list of [low, high], at least two, or null",
    "Several windows, each a channel, in place of window: e.g. [[-1000, 400], [-160, 240]]",
  ),
  neighbours: key(
    z.union([z.literal(1), z.literal(3), z.literal(5), z.literal(7), z.literal(9)]).default(1),
    "1, 3, 5, 7 or 9",
    "Slices that stand as channels for one: itself and those before and behind it",
  ),
  planes: key(
    z.enum(["axial", "three"]).default("axial"),
    "axial or three",
    "Slices of a volume: axial, or as many coronal and sagittal ones too",
  ),
  mean: key(z.number().default(0.485), "a number", "Subtracted after the window"),
  std: key(z.number().positive().default(0.229), "a number above 0", "Divided by after the mean"),
  augment: key(
    augmentSchema().prefault("published"),
    "none, light, published, strong, true (published), false (none), or a section with keys such as preset, rotation",
    "Random changes of training slices: a set by its name, or changes to one (below)",
    { initial: "published", inside: augmentSettings() },
  ),
});

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

const logShape = {
  wandb: key(
    flag(false),
    trueOrFalse,
    "Send each epoch to Weights & Biases too (wandb.md); what goes wrong there stops no run",
  ),
  project: key(z.string().min(1).default("slicestack"), "a text", "Project there"),
  entity: key(
    z.string().min(1).nullable().default(null),
    "a text, or null",
    "Team or user there; null = the one that the key belongs to",
  ),
};

/** The structured file, snake_case, every key with its default, over the components that are registered now. */
export function runConfigSchema(): ReturnType<typeof buildSchema> {
  if (built?.edition !== componentsEdition()) built = { edition: componentsEdition(), schema: buildSchema() };
  return built.schema;
}

let built: { edition: number; schema: ReturnType<typeof buildSchema> } | undefined;

export type ConfigFile = z.output<ReturnType<typeof buildSchema>>;

function buildSchema() {
  return z
    .strictObject({
      name: key(
        z.string().regex(NAME).max(120).default("run"),
        "a text without slashes and control characters, of at most 120 letters, that does not begin with a dot",
        "Name of the run and its folder",
      ),
      method: key(
        z.enum(["2d", "2.5d", "3d"]).default("2.5d"),
        "2d, 2.5d or 3d",
        "2d: slices vote; 2.5d: slices, then a head on their embeddings; 3d: a network on whole volumes",
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
      init_from: key(
        z.string().min(1).nullable().default(null),
        "a run folder, or null",
        "A run of ours to start from, with other classes if need be: all weights but the last layers",
      ),
      plugins: key(
        z.array(z.string().min(1)).default([]),
        "a list of files or packages, e.g. [./median.mjs]",
        "Modules that add components of your own (add-a-component.md); a path is relative to this file",
      ),
      task: z.strictObject(taskShape).superRefine(checkClasses).prefault({}),
      split: z.strictObject(splitShape).prefault({}),
      transform: z.strictObject(transformShape()).superRefine(checkWindows).prefault({}),
      slice: z.strictObject(sliceShape()).superRefine(checkWarmup).prefault({}),
      volume: z.strictObject(volumeShape()).superRefine(checkWarmup).superRefine(checkHead).prefault({}),
      fine_tune: z.strictObject(fineTuneShape()).superRefine(checkWarmup).prefault({}),
      log: z.strictObject(logShape).prefault({}),
    })
    .superRefine(checkFineTune);
}

/** What the components of a kind say of themselves, in one sentence. */
const hintsOf = (kind: "trunk" | "head" | "network" | "loss"): string =>
  settingsOfKind(kind)
    .flatMap(({ name, hint }) => (hint === undefined ? [] : [`${name}: ${hint}`]))
    .join("; ");

function withHints(meaning: string, kind: "trunk" | "head" | "network"): string {
  const hints = hintsOf(kind);
  return hints === "" ? meaning : `${meaning}; ${hints}`;
}

/** An option that several heads have, beside the head and for whichever is chosen. */
function headOption(option: "k" | "width" | "layers", meaning: string) {
  const having = settingsOfKind("head").filter(({ options }) => option in options.shape);
  return key(
    z.int().min(1).nullable().default(null),
    `${WHOLE}, at least 1, or null`,
    `${meaning} (${having.map(({ name }) => name).join(", ")}); null = its own`,
  );
}

function checkWarmup(
  { epochs, warmup_epochs: warmup, schedule }: { epochs: number; warmup_epochs: number; schedule: string },
  context: z.RefinementCtx,
): void {
  const ownRise = schedule === "one_cycle" && warmup > 0;
  if (warmup <= epochs && !ownRise) return;
  const message = ownRise
    ? `expected 0, because one_cycle has a rise of its own, received ${warmup}`
    : `expected at most the ${epochs} epochs of the stage, received ${warmup}`;
  context.addIssue({ code: "custom", path: ["warmup_epochs"], message });
}

function checkWindows({ window, windows }: { window: unknown; windows: unknown }, context: z.RefinementCtx): void {
  if (window === null || windows === null) return;
  context.addIssue({ code: "custom", path: ["windows"], message: "expected window or windows, received both" });
}

const seesMaps = ({ name }: Choice): boolean => findComponent("head", name)?.sees === "maps";

function checkHead(
  { head, loss, views }: { head: Choice; loss: Choice; views: number },
  context: z.RefinementCtx,
): void {
  if (seesMaps(head) && views > 0)
    context.addIssue({ code: "custom", path: ["views"], message: `${head.name} has no views, received ${views}` });
  const refusal = findComponent("head", head.name)?.refusesGrades;
  if (refusal === undefined || findComponent("loss", loss.name)?.isOrdinal !== true) return;
  const others = componentNames("loss").filter((name) => findComponent("loss", name)?.isOrdinal !== true);
  context.addIssue({ code: "custom", path: ["head"], message: `${head.name} ${refusal}; take loss ${orList(others)}` });
}

function checkFineTune(
  { method, volume, fine_tune }: { method: string; volume: { head: Choice }; fine_tune: { epochs: number } },
  context: z.RefinementCtx,
): void {
  if (method !== "2.5d" || !seesMaps(volume.head) || fine_tune.epochs === 0) return;
  const message = `expected 0 with volume.head ${volume.head.name}, whose maps are not trained through, received ${fine_tune.epochs}`;
  context.addIssue({ code: "custom", path: ["fine_tune", "epochs"], message });
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
