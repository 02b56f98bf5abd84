/** The section `slice`: the slice model and its stage. Methods 2d and 2.5d have it. */
import { z } from "zod";
import { camelKeys } from "./case.js";
import { componentChoice } from "./choice.js";
import { atLeast, flag, key, trueOrFalse } from "./notes.js";
import { checkCorrections, checkWarmup, stageShape, withHints } from "./stage-keys.js";

export const sliceSection = () =>
  z
    .strictObject(sliceShape())
    .superRefine(checkWarmup)
    .superRefine(checkCorrections)
    .transform((section) => camelKeys(section))
    .prefault({});

const sliceShape = () => ({
  model: componentChoice("trunk", withHints("The 2D network", "trunk")),
  pretrained: key(
    z.string().min(1).nullable().default(null),
    "a path, imagenet, imagenet_v2, or null",
    "Weights that the trunk starts from: for ImageNet (ResNets), or a file of torchvision, timm or another program for this trunk",
  ),
  slices_per_volume: key(
    z.int().min(1).nullable().default(null),
    `${atLeast(1)}, or null`,
    "Slices that an epoch draws from each training volume and scores of each validation volume; null = all",
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
    "Mix pairs of slices and their labels; the parameter of the Beta distribution of the shares, e.g. 0.2; 0 = off",
  ),
  cutmix: key(
    z.number().min(0).default(0),
    "a number, at least 0",
    "Paste a box of one slice into another and mix the labels by area; the same parameter, e.g. 1; 0 = off",
  ),
  soft_labels: key(
    flag(false),
    trueOrFalse,
    "Weight a slice's label by the probability that it shows the finding",
  ),
  soft_label_warmup: key(z.int().min(1).default(3), atLeast(1), "Epochs before soft_labels begins"),
  soft_label_floor: key(
    z.number().positive().max(1).default(0.1),
    "a number above 0, at most 1",
    "Smallest weight of a slice under soft_labels",
  ),
  vote: key(
    z.enum(["mean", "majority", "count", "topk", "noisy_or"]).default("mean"),
    "mean, majority, count, topk or noisy_or",
    "How the slices of a volume vote (protocol.md); count: a volume is positive from a number of slices that is chosen on the validation set",
  ),
  vote_k: key(z.int().min(1).default(8), atLeast(1), "Slices of each class that vote under topk"),
  dropout: key(
    z.number().min(0).lt(1).default(0),
    "a number from 0 to below 1",
    "Share of features that are dropped in the classifier",
  ),
  ...stageShape({ epochs: 20, least: 0 }),
});
