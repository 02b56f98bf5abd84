/**
 * Chooses one configuration from the properties of data and machine, with a reason for each setting. It uses rules, not a search: the same
 * data and machine give the same plan. docs/explanation/plan.md has the measurements behind the rules.
 */
import { plannedName } from "../config/components.js";
import type { Fingerprint } from "./fingerprint.js";

/** Slices per second of a slice model on this machine: in training, and when only embeddings are computed. */
export interface Speed {
  model: string;
  training: number;
  embedding: number;
}

/** The trunks to choose from, the smallest first. */
const ROLES = {
  small: "small",
  middle: "much data or pretrained weights",
  large: "pretrained weights",
} as const;
export const plannedTrunks = (): string[] => Object.values(ROLES).map((role) => plannedName("trunk", role));

/** Those of plannedTrunks that `choose` may take: a ResNet needs ImageNet weights on this machine, or many volumes. */
export function usefulTrunks({ train }: Pick<Fingerprint, "train">, pretrained: readonly string[]): string[] {
  const middle = plannedName("trunk", ROLES.middle);
  const isEnough = sum(train) >= RESNET_FROM;
  return plannedTrunks().filter(
    (name, k) => k === 0 || pretrained.includes(name) || (name === middle && isEnough),
  );
}

export interface Machine {
  device: string;
  cores: number;
  memoryBytes: number;
  /** The measured speeds, smallest model first. */
  speeds: Speed[];
  /** Models whose ImageNet weights are already on this machine. */
  pretrained: string[];
}

export interface Choice {
  /** Dotted key of the configuration. */
  key: string;
  value: unknown;
  reason: string;
}

export interface Plan {
  choices: Choice[];
  /** Seconds of training and evaluation, estimated from the measured speed. */
  seconds: number;
  warnings: string[];
}

/** The number of volumes from which an untrained ResNet becomes better than the small CNN (docs/explanation/plan.md). */
const RESNET_FROM = 2000;
/** The smallest useful number of epochs. */
export const FEWEST_EPOCHS = 4;
export const MOST_EPOCHS = 20;
/** Seconds for the start of a training, its checkpoints and its evaluation. */
const OVERHEAD = 20;

/**
 * @param budget seconds for training; null: as long as the full plan takes
 * @param overhead seconds that a training takes besides its steps
 */
export function choose(
  data: Fingerprint,
  machine: Machine,
  budget: number | null,
  overhead = OVERHEAD,
): Plan {
  const trunk = trunkFor(data, machine, budget === null ? null : budget - overhead);
  const size = sizeFor(data, machine);
  const slices = scheduleFor(data, trunk, budget, overhead);
  const balanced = isBalanced(data.train);
  const volumes = sum(data.train);
  const { select, reason: why } = selectFor(data);
  const choices: Choice[] = [
    nameOf(data),
    {
      key: "method",
      value: "2.5d",
      reason: `${volumes} labelled volumes, ${volumes * data.depth[1]} slices that inherit their labels: the case for this method`,
    },
    windowFor(data),
    ...cutsOf(data, trunk),
    augmentFor(data),
    { key: "slice.model", value: trunk.model, reason: trunk.reason },
    ...(trunk.pretrained
      ? [{ key: "slice.pretrained", value: "imagenet", reason: "its weights are on this machine" }]
      : []),
    ...(size === null ? [] : [size]),
    ...slices.choices,
    { key: "slice.batch_size", value: 64, reason: "slices are small; a larger batch fills the machine" },
    {
      key: "slice.learning_rate",
      value: trunk.pretrained ? 1e-4 : 1e-3,
      reason: trunk.pretrained ? "pretrained weights need a small learning rate" : "from scratch",
    },
    ...optimiser("slice"),
    { key: "slice.select", value: select, reason: why },
    { key: "slice.weighted_sampler", value: !balanced, reason: sampling(data, balanced) },
    ...headFor(data, volumes),
    { key: "head.epochs", value: 30, reason: "embeddings are computed once: epochs cost seconds" },
    batchFor("head", volumes, 32),
    { key: "head.learning_rate", value: 1e-3, reason: "a small head, from scratch" },
    ...optimiser("head"),
    { key: "head.select", value: select, reason: why },
    { key: "head.weighted_sampler", value: !balanced, reason: sampling(data, balanced) },
  ];
  const warnings = [...data.flags, ...slices.warnings];
  if (sum(data.val) < 50)
    warnings.push(
      `${sum(data.val)} validation volumes choose the epoch: several folds (slicestack split --folds 5) are more reliable.`,
    );
  return { choices, seconds: slices.seconds, warnings };
}

export function nameOf({ name }: Fingerprint): Choice {
  const plain = name.replaceAll(/[\s/\\]+/g, "_").replace(/^\./, "_");
  return { key: "name", value: plain.slice(0, 120), reason: "of the data set" };
}

/** The metric that chooses the epoch. */
export function selectFor({ classes }: Fingerprint): { select: string; reason: string } {
  if (classes.length === 2)
    return {
      select: plannedName("metric", "two classes"),
      reason: "two classes: the epoch is chosen by the ranking, which does not depend on a threshold",
    };
  return {
    select: plannedName("metric", "several classes"),
    reason: "several classes, some of them rare: macro F1 weights all equally",
  };
}

export function augmentFor({ unit }: Fingerprint): Choice {
  const key = "transform.augment";
  if (unit === "HU") return { key, value: "published", reason: "CT slices: the augmentations of the paper" };
  const reason = "no HU: small rotations and shifts keep what the label may depend on, zoom might not";
  return { key, value: "light", reason };
}

/** Small enough for eight steps per epoch. */
export const batchFor = (section: "head" | "network", volumes: number, most: number): Choice => ({
  key: `${section}.batch_size`,
  value: Math.min(most, Math.max(4, 2 ** Math.floor(Math.log2(volumes / 8)))),
  reason: `at least eight steps per epoch with ${volumes} volumes`,
});

export function windowFor({ unit }: Fingerprint): Choice {
  if (unit === "HU")
    return {
      key: "transform.window",
      value: [-1000, 400],
      reason: "HU: lung and soft tissue, as in the paper",
    };
  return {
    key: "transform.window",
    value: null,
    reason:
      "no HU: the range of bytes and of fractions within 0..1, else percentiles 0.5 and 99.5 of the training values",
  };
}

/** Whether there are about as many slices as pixels per side, with cubic voxels, so that all planes are equally good. */
function isCube({ height, width, depth: [least, , most], anisotropy }: Fingerprint): boolean {
  const sides = [height, width, least];
  return least === most && Math.min(...sides) >= 0.75 * Math.max(...sides) && anisotropy < 1.5 && least >= 16;
}

/** The most slices of a volume that the head sees if they come from three planes. */
const MOST_CUTS = 96;
const slicesOf = (data: Fingerprint): number =>
  isCube(data) ? Math.min(MOST_CUTS, 3 * data.depth[1]) : data.depth[1];

function cutsOf(data: Fingerprint, { pretrained }: Trunk): Choice[] {
  if (!isCube(data)) return [];
  const { height, width, depth } = data;
  const planes: Choice = {
    key: "transform.planes",
    value: "three",
    reason: `${height} x ${width} x ${depth[1]}, cubic voxels: coronal and sagittal slices show as much`,
  };
  if (pretrained) return [planes];
  return [
    planes,
    {
      key: "transform.neighbours",
      value: 9,
      reason: "a slab of 9 slices as channels: a single slice shows little of a shape",
    },
  ];
}

interface Trunk extends Speed {
  pretrained: boolean;
  reason: string;
}

/** The largest trunk for which there are enough data, and some epochs within the budget. */
function trunkFor(data: Fingerprint, machine: Machine, budget: number | null): Trunk {
  const of = (model: string) => machine.speeds.find((speed) => speed.model === model);
  const small = machine.speeds[0]!;
  const affordable = (speed: Speed) => budget === null || secondsOf(data, speed, FEWEST_EPOCHS, 4) <= budget;
  const enough = sum(data.train) >= RESNET_FROM;
  const [middle, large] = [plannedName("trunk", ROLES.middle), plannedName("trunk", ROLES.large)];
  for (const model of [large, middle]) {
    const speed = of(model);
    const pretrained = machine.pretrained.includes(model);
    if (speed === undefined || !affordable(speed)) continue;
    if (pretrained)
      return {
        ...speed,
        pretrained,
        reason: "ImageNet weights are on this machine and the budget allows it",
      };
    if (enough && model === middle)
      return {
        ...speed,
        pretrained,
        reason: `${sum(data.train)} volumes are enough for it without ImageNet weights`,
      };
  }
  const why = enough
    ? "the budget allows no larger one"
    : `${sum(data.train)} volumes and no ImageNet weights on this machine: a larger one would memorise them`;
  return { ...small, pretrained: false, reason: why };
}

/** The size of slices for planning and timing: at most 160 pixels on a CPU, 256 on a GPU. */
export function plannedSize([height, width]: readonly [number, number], device: string): [number, number] {
  const scale = Math.min(1, (device === "cpu" ? 160 : 256) / Math.max(height, width));
  return [Math.round(height * scale), Math.round(width * scale)];
}

function sizeFor({ height, width }: Fingerprint, { device }: Machine): Choice | null {
  const size = plannedSize([height, width], device);
  if (size[0] === height && size[1] === width) return null;
  const times = (Math.max(height, width) / Math.max(...size)) ** 2;
  return {
    key: "slice.size",
    value: size,
    reason: `${height} x ${width} costs ${times.toFixed(1)} times as much on ${device}`,
  };
}

/** The number of slices per epoch, and of epochs, within the budget. */
function scheduleFor(data: Fingerprint, speed: Speed, budget: number | null, overhead: number) {
  const depth = slicesOf(data);
  // Neighbouring slices are nearly equal: each epoch uses some slices of every volume, the next one others.
  const wanted = Math.min(depth, 16);
  const options = [wanted, 12, 8, 6, 4].filter((n) => n <= wanted);
  for (const perVolume of options.length > 0 ? options : [wanted]) {
    for (let epochs = MOST_EPOCHS; epochs >= FEWEST_EPOCHS; epochs -= 2) {
      const seconds = secondsOf(data, speed, epochs, perVolume) + overhead;
      if (budget !== null && seconds > budget) continue;
      return { choices: sliceChoices(perVolume, epochs, depth, budget), seconds, warnings: [] as string[] };
    }
  }
  const least = options.at(-1) ?? wanted;
  const seconds = secondsOf(data, speed, FEWEST_EPOCHS, least) + overhead;
  const warnings = [
    `The budget of ${minutes(budget!)} is too short: the smallest plan takes ${minutes(seconds)}.`,
  ];
  return { choices: sliceChoices(least, FEWEST_EPOCHS, depth, budget), seconds, warnings };
}

function sliceChoices(perVolume: number, epochs: number, depth: number, budget: number | null): Choice[] {
  const time = budget === null ? "no budget given" : `as many as ${minutes(budget)} allow`;
  return [
    {
      key: "slice.slices_per_volume",
      value: perVolume >= depth ? null : perVolume,
      reason:
        perVolume >= depth
          ? "few slices per volume: all of them"
          : `of ${depth}, others in each epoch: neighbours are nearly equal; ${time}`,
    },
    { key: "slice.epochs", value: epochs, reason: time },
  ];
}

/** The seconds of training and validation on slices, embeddings of all, and the head. */
function secondsOf(
  data: Fingerprint,
  { training, embedding }: Speed,
  epochs: number,
  perVolume: number,
): number {
  const [train, val, depth] = [sum(data.train), sum(data.val), slicesOf(data)];
  const slices = epochs * ((train * perVolume) / training + (val * perVolume) / embedding);
  const embeddings = ((train + 3 * val) * depth) / embedding; // val twice, and about as much again for test
  const head = 30 * train * 2e-4;
  return slices + embeddings + head;
}

function headFor(data: Fingerprint, volumes: number): Choice[] {
  const [least, , most] = data.depth;
  if (isCube(data)) {
    const head: Choice = {
      key: "head.model",
      value: plannedName("head", "slices of three planes"),
      reason: "slices of three planes, which have no common order along the body",
    };
    if (slicesOf(data) === 3 * most) return [head];
    return [
      head,
      { key: "head.slices", value: MOST_CUTS, reason: `${MOST_CUTS / 3} of each plane: neighbours overlap` },
    ];
  }
  const depths = least === most ? `${most} slices` : `${least} to ${most} slices`;
  if (least !== most)
    return [
      {
        key: "head.model",
        value: plannedName("head", "volumes of several depths"),
        reason: `${depths} per volume: pooled, not stacked`,
      },
    ];
  return [
    {
      key: "head.model",
      value: plannedName("head", "volumes of one depth"),
      reason: `${depths} in each volume: the position of a finding along the body matters, too; concatenated slices would need tens of millions of weights for ${volumes} volumes`,
    },
  ];
}

export function optimiser(section: "slice" | "head" | "network"): Choice[] {
  return [
    {
      key: `${section}.optimizer`,
      value: "adamw",
      reason: "weight decay that does not depend on the size of the gradient",
    },
    { key: `${section}.weight_decay`, value: 0.01, reason: "its usual value" },
    {
      key: `${section}.schedule`,
      value: "one_cycle",
      reason: "a fixed number of epochs: warm-up and decay in one",
    },
  ];
}

/** Whether no class has more than 1.5 times the volumes of another. */
export function isBalanced(train: readonly number[]): boolean {
  const present = train.filter((count) => count > 0);
  return Math.max(...present) <= 1.5 * Math.min(...present);
}

export function sampling({ train, classes }: Fingerprint, balanced: boolean): string {
  const counts = classes.map((name, c) => `${name} ${train[c]}`).join(", ");
  return `training volumes: ${counts}; ${balanced ? "nearly balanced" : "rare classes would be ignored"}`;
}

export const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
export const minutes = (seconds: number): string =>
  seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
