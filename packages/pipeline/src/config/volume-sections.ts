/** The sections of the stages that see whole volumes: `head` and `fine_tune` of method 2.5d, `network` of method 3d. */
import { z } from "zod";
import { camelKeys } from "./case.js";
import { componentChoice, type Choice } from "./choice.js";
import { componentNames, findComponent, orList } from "./components.js";
import { atLeast, key } from "./notes.js";
import { checkCorrections, checkWarmup, optimisationShape, stageShape, withHints } from "./stage-keys.js";

export const headSection = () =>
  z
    .strictObject(headShape())
    .superRefine(checkWarmup)
    .superRefine(checkCorrections)
    .superRefine(checkHead)
    .transform((section) => camelKeys(section))
    .prefault({});

export const fineTuneSection = () =>
  z
    .strictObject(fineTuneShape())
    .superRefine(checkWarmup)
    .transform((section) => camelKeys(section))
    .prefault({});

export const networkSection = () =>
  z
    .strictObject(networkShape())
    .superRefine(checkWarmup)
    .superRefine(checkCorrections)
    .transform((section) => camelKeys(section))
    .prefault({});

const headShape = () => ({
  model: componentChoice(
    "head",
    withHints("How the slices of a volume become one prediction (models.md)", "head"),
  ),
  slices: key(
    z.int().min(1).nullable().default(null),
    `${atLeast(1)}, or null`,
    "Evenly spaced slices of a volume that the head sees; null = all",
  ),
  views: key(
    z.int().min(0).default(0),
    atLeast(0),
    "Augmented copies of the embeddings of each training volume, in addition to the plain ones; transform.augment changes all slices of a copy alike, and an epoch draws one copy",
  ),
  dropout: key(
    z.number().min(0).lt(1).nullable().default(null),
    "a number from 0 to below 1, or null",
    "Share of features that are dropped in the classifier; null = 0.2, the published value",
  ),
  ...stageShape({ epochs: 30 }),
});

const networkShape = () => ({
  model: componentChoice("network", withHints("The network that sees whole volumes", "network")),
  size: key(
    z
      .tuple([z.int().min(8), z.int().min(8), z.int().min(1)])
      .nullable()
      .default(null),
    "[height, width, slices], or null",
    "Size of the volumes that the network sees; null = as prepared, which requires the same depth in all volumes",
  ),
  fit: key(
    z.enum(["resize", "pad"]).default("resize"),
    "resize or pad",
    "How volumes get that size: by interpolation, or cropped and padded with air around their centre, which keeps the scale",
  ),
  dropout: key(
    z.number().min(0).lt(1).nullable().default(null),
    "a number from 0 to below 1, or null",
    "Share of features that are dropped in the classifier; null = the value of the network",
  ),
  ...stageShape({ epochs: 30 }),
});

const fineTuneShape = () => ({
  epochs: key(
    z.int().min(0).default(0),
    atLeast(0),
    "Passes that train trunk and head together after both stages; 0 = the trunk stays frozen",
  ),
  slices: key(
    z.int().min(1).nullable().default(null),
    `${atLeast(1)}, or null`,
    "Slices of a volume in a training step, drawn anew each time; null = all",
  ),
  chunk: key(
    z.int().min(1).default(32),
    atLeast(1),
    "Slices whose activations are held at once; the activations are recomputed for the gradient",
  ),
  trunk_rate: key(
    z.number().positive().max(1).default(1),
    "a number above 0, at most 1",
    "Learning rate of the trunk as a share of the head's, e.g. 0.1",
  ),
  unfreeze: key(
    z.int().min(0).default(0),
    atLeast(0),
    "Gradual unfreezing: layers of the trunk that join in each epoch after the first, the last layers first; 0 = all from the start",
  ),
  ...optimisationShape({ batch: 8, rate: 1e-5 }),
});

const seesMaps = ({ name }: Choice): boolean => findComponent("head", name)?.sees === "maps";

interface HeadKeys {
  model: Choice;
  loss: Choice;
  views: number;
}

function checkHead({ model: { name }, loss, views }: HeadKeys, context: z.RefinementCtx): void {
  const head = findComponent("head", name);
  if (head?.sees === "maps" && views > 0)
    context.addIssue({
      code: "custom",
      path: ["views"],
      message: `the head ${name} has no views, received ${views}`,
    });
  const refusal = head?.refusesGrades;
  if (refusal === undefined || findComponent("loss", loss.name)?.isOrdinal !== true) return;
  const others = componentNames("loss").filter((other) => findComponent("loss", other)?.isOrdinal !== true);
  context.addIssue({
    code: "custom",
    path: ["model"],
    message: `${name} ${refusal}; choose loss ${orList(others)}`,
  });
}

interface FineTuned {
  head: { model: Choice; loss: Choice };
  fine_tune: { epochs: number; weightedSampler: boolean };
}

/** Whether the head leaves nothing to fine-tune, and whether the sampler of fine-tuning suits the loss of the head. */
export function checkFineTune(
  { head: { model, loss }, fine_tune: { epochs, weightedSampler } }: FineTuned,
  context: z.RefinementCtx,
): void {
  if (epochs === 0) return;
  checkCorrections({ loss, weighted_sampler: weightedSampler, weighted_loss: false }, context, ["fine_tune"]);
  if (!seesMaps(model)) return;
  const message = `expected 0 with head.model ${model.name}, which cannot pass gradients to the trunk, received ${epochs}`;
  context.addIssue({ code: "custom", path: ["fine_tune", "epochs"], message });
}
