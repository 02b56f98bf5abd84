/** The sections that all methods have: which classes, which split, what is done to slices, and where epochs are logged. */
import { z } from "zod";
import { augmentSchema, augmentSettings } from "./augment.js";
import { camelKeys } from "./case.js";
import { atLeast, flag, key, trueOrFalse, WHOLE } from "./notes.js";
import { classProblems } from "./task-problems.js";

/** One line that is printed as it is. */
const LINE = /^[^\u0000-\u001f\u007f-\u009f]+$/; // eslint-disable-line no-control-regex

export const classList = z.array(z.int().min(0)).min(1);
export const classListExpects = "a list of whole numbers, e.g. [0, 2]";
// YAML's integer keys arrive as text, because a JavaScript object has no other keys.
export const classMap = z.record(z.string().regex(/^(0|[1-9]\d*)$/), z.int().min(0));
export const classMapExpects = "a map of whole numbers, e.g. {0: 0, 1: 1, 2: 1}";

export const taskSection = () =>
  z
    .strictObject(taskShape())
    .superRefine((task, context) => {
      for (const { key: name, message } of classProblems(task))
        context.addIssue({ code: "custom", path: [name], message });
    })
    .transform((section) => camelKeys(section))
    .prefault({});

const taskShape = () => ({
  classes_to_include: key(
    classList.nullable().default(null),
    `${classListExpects}, or null`,
    "Original labels that take part; null = all",
  ),
  class_mapping: key(
    classMap
      .transform(
        (map) => new Map(Object.entries(map).map(([label, taskClass]) => [Number(label), taskClass])),
      )
      .nullable()
      .default(null),
    `${classMapExpects}, or null`,
    "Original label to task class; null = the included labels in ascending order",
  ),
  class_names: key(
    z.array(z.string().regex(LINE)).min(2).nullable().default(null),
    "a list of single-line texts, one for each task class, or null",
    "Names of the task classes in reports; null = from the data set",
  ),
  ordinal: key(
    z.boolean().nullable().default(null),
    "true, false or null",
    "Whether the classes are grades in order, which quadratic kappa, the error in grades and loss ordinal require; null = true for three or more classes that are named by rising numbers or CT-0, CT-1, …",
  ),
  shuffle_labels: key(
    flag(false),
    trueOrFalse,
    "Negative control: the subjects of the training set exchange their labels, and so do those of the validation set (by `seed`); a sound pipeline then scores at chance on the test set, which keeps its labels",
  ),
});

export const splitSection = () =>
  z
    .strictObject(splitShape())
    .transform((section) => camelKeys(section))
    .prefault({});

const splitShape = () => ({
  seed: key(z.int().min(0).max(0xffffffff).default(0), `${WHOLE} from 0 to 4294967295`, "Seed of the split"),
  fractions: key(
    z
      .tuple([z.number().positive(), z.number().positive(), z.number().positive()])
      .refine(
        (parts) => Math.abs(parts[0] + parts[1] + parts[2] - 1) < 1e-6,
        "expected three shares that sum to 1",
      )
      .default([0.6, 0.2, 0.2]),
    "[train, val, test], each above 0, that sum to 1",
    "Shares of the subjects",
  ),
});

const window = () =>
  z
    .tuple([z.number(), z.number()])
    .refine(([low, high]) => low < high, "expected [low, high] with low below high");

export const transformSection = () =>
  z
    .strictObject(transformShape())
    .superRefine(checkWindows)
    .transform((section) => camelKeys(section))
    .prefault({});

const transformShape = () => ({
  window: key(
    window().nullable().default(null),
    "[low, high], or null",
    "Values (HU in a CT) that become 0 and 1; null = -1000 to 400 HU; without HU the range of bytes and of fractions within 0..1, otherwise percentiles 0.5 and 99.5 of the training values, which are kept in the run's config.yaml",
  ),
  windows: key(
    z.array(window()).min(2).max(8).nullable().default(null),
    "a list of [low, high], at least two, or null",
    "Several windows, one for each channel, instead of window: e.g. [[-1000, 400], [-160, 240]]",
  ),
  neighbours: key(
    z.union([z.literal(1), z.literal(3), z.literal(5), z.literal(7), z.literal(9)]).default(1),
    "1, 3, 5, 7 or 9",
    "Adjacent slices that are the channels of one input: the slice itself and those before and after it",
  ),
  planes: key(
    z.enum(["axial", "three"]).default("axial"),
    "axial or three",
    "Slices of a volume: axial ones, or the same number of coronal and sagittal ones as well",
  ),
  mean: key(z.number().default(0.485), "a number", "Subtracted after the window"),
  std: key(z.number().positive().default(0.229), "a number above 0", "Divisor after the mean is subtracted"),
  test_time_flips: key(
    z.array(z.enum(["horizontal", "vertical", "slices"])).default([]),
    "a list of horizontal, vertical, slices",
    "Test-time augmentation: the probabilities of a volume are the mean over the plain view and these mirrored ones",
  ),
  test_time_shift: key(
    z.int().min(0).default(0),
    atLeast(0),
    "The same for four views moved by so many pixels; 0 = none",
  ),
  test_time_window: key(
    z.number().min(0).lt(1).default(0),
    "a number from 0 to below 1",
    "The same for two views whose window is moved by this share of its width; 0 = none",
  ),
  swap_on_flip: key(
    z.array(z.tuple([z.string(), z.string()])).default([]),
    "a list of pairs of classes",
    "Classes that a horizontal flip of test_time_flips exchanges, e.g. [[left, right]]",
  ),
  augment: key(
    augmentSchema().prefault("published"),
    "none, light, published, strong, true (published), false (none), or a section with keys such as preset, rotation",
    "Random changes of training slices: a preset by its name, or changes to one (below)",
    { initial: "published", inside: augmentSettings() },
  ),
});

function checkWindows(
  { window, windows }: { window: unknown; windows: unknown },
  context: z.RefinementCtx,
): void {
  if (window === null || windows === null) return;
  context.addIssue({
    code: "custom",
    path: ["windows"],
    message: "expected either window or windows, received both",
  });
}

export const logSection = () =>
  z
    .strictObject(logShape())
    .transform((section) => camelKeys(section))
    .prefault({});

const logShape = () => ({
  wandb: key(
    flag(false),
    trueOrFalse,
    "Send each epoch to Weights & Biases as well (wandb.md); a failure there never stops a run",
  ),
  project: key(z.string().min(1).default("slicestack"), "a text", "Project at Weights & Biases"),
  entity: key(
    z.string().min(1).nullable().default(null),
    "a text, or null",
    "Team or user at Weights & Biases; null = the owner of the API key",
  ),
});
