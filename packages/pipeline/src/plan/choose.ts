/**
 * From the fingerprint of data and machine to one configuration, each choice with its reason. Rules, not a search: the same
 * data and machine give the same plan. Where a rule came from a measurement, docs/explanation/plan.md has it.
 */
import { plannedName } from "../config/components.js";
import type { Fingerprint } from "./fingerprint.js";

/** Slices a second through a slice model of this machine: a training step, and embedding alone. */
export interface Speed {
  model: string;
  training: number;
  embedding: number;
}

/** The trunks that are planned with, the lightest first. */
const ROLES = { small: "small", middle: "much data or pretrained weights", large: "pretrained weights" } as const;
export const plannedTrunks = (): string[] => Object.values(ROLES).map((role) => plannedName("trunk", role));

export interface Machine {
  device: string;
  cores: number;
  memoryBytes: number;
  /** Measured, the lightest model first. */
  speeds: Speed[];
  /** Models whose ImageNet weights lie on this machine already. */
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
  /** Of training and evaluation, estimated from the measured speed. */
  seconds: number;
  warnings: string[];
}

/** Volumes from which a ResNet learns more than the small CNN from its own labels (docs/explanation/plan.md). */
const RESNET_FROM = 2000;
/** Epochs below which training is not worth its name. */
const FEWEST_EPOCHS = 4;
const MOST_EPOCHS = 20;

/** @param budget seconds for training, or null: as long as the full plan takes */
export function choose(data: Fingerprint, machine: Machine, budget: number | null): Plan {
  const trunk = trunkFor(data, machine, budget);
  const size = sizeFor(data, machine);
  const slices = scheduleFor(data, trunk, budget);
  const binary = data.classes.length === 2;
  const balanced = isBalanced(data.train);
  const volumes = sum(data.train);
  const select = plannedName("metric", binary ? "two classes" : "several classes");
  const why = binary
    ? "two classes: the ranking is chosen by, which depends on no threshold"
    : "several classes, rare ones among them: macro F1 counts each alike";
  const choices: Choice[] = [
    {
      key: "name",
      value: data.name
        .replaceAll(/[\s/\\]+/g, "_")
        .replace(/^\./, "_")
        .slice(0, 120),
      reason: "of the data set",
    },
    {
      key: "method",
      value: "2.5d",
      reason: `${volumes} labelled volumes, ${volumes * data.depth[1]} slices that carry their labels: what the method is for`,
    },
    windowFor(data),
    ...cutsOf(data, trunk),
    {
      key: "transform.augment",
      value: data.unit === "HU" ? "published" : "light",
      reason:
        data.unit === "HU"
          ? "CT slices: the set of the paper"
          : "no HU: small turns and shifts change nothing that could carry the label, zoom might",
    },
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
      reason: trunk.pretrained ? "pretrained weights are moved gently" : "from scratch",
    },
    ...optimiser("slice"),
    { key: "slice.select", value: select, reason: why },
    { key: "slice.weighted_sampler", value: !balanced, reason: sampling(data, balanced) },
    ...headFor(data, volumes),
    { key: "volume.epochs", value: 30, reason: "embeddings are computed once: epochs cost seconds" },
    {
      key: "volume.batch_size",
      value: Math.min(32, Math.max(4, 2 ** Math.floor(Math.log2(volumes / 8)))),
      reason: `at least eight steps an epoch from ${volumes} volumes`,
    },
    { key: "volume.learning_rate", value: 1e-3, reason: "a light head, from scratch" },
    ...optimiser("volume"),
    { key: "volume.select", value: select, reason: why },
    { key: "volume.weighted_sampler", value: !balanced, reason: sampling(data, balanced) },
  ];
  const warnings = [...data.flags, ...slices.warnings];
  if (sum(data.val) < 50)
    warnings.push(
      `${sum(data.val)} validation volumes choose the epoch: several folds (slicestack split --folds 5) tell more.`,
    );
  return { choices, seconds: slices.seconds, warnings };
}

function windowFor({ unit }: Fingerprint): Choice {
  if (unit === "HU")
    return { key: "transform.window", value: [-1000, 400], reason: "HU: lung and soft tissue, as in the paper" };
  return {
    key: "transform.window",
    value: null,
    reason:
      "no HU: the range of bytes and of fractions within 0..1, else percentiles 0.5 and 99.5 of the training values",
  };
}

/** About as many slices as pixels a side, all voxels alike: no plane is better than another. */
function isCube({ height, width, depth: [least, , most], anisotropy }: Fingerprint): boolean {
  const sides = [height, width, least];
  return least === most && Math.min(...sides) >= 0.75 * Math.max(...sides) && anisotropy < 1.5 && least >= 16;
}

/** Slices of a volume that the head sees, at most, where they come from three planes. */
const MOST_CUTS = 96;
const slicesOf = (data: Fingerprint): number => (isCube(data) ? Math.min(MOST_CUTS, 3 * data.depth[1]) : data.depth[1]);

function cutsOf(data: Fingerprint, { pretrained }: Trunk): Choice[] {
  if (!isCube(data)) return [];
  const { height, width, depth } = data;
  const planes: Choice = {
    key: "transform.planes",
    value: "three",
    reason: `${height} x ${width} x ${depth[1]}, voxels alike: coronal and sagittal slices show as much`,
  };
  if (pretrained) return [planes];
  return [
    planes,
    {
      key: "transform.neighbours",
      value: 9,
      reason: "a slab of 9 slices as channels: a single cut says little of a shape",
    },
  ];
}

interface Trunk extends Speed {
  pretrained: boolean;
  reason: string;
}

/** The largest trunk that the data feed and that the budget allows some epochs of. */
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
    if (pretrained) return { ...speed, pretrained, reason: "ImageNet weights are at hand and the budget allows it" };
    if (enough && model === middle)
      return { ...speed, pretrained, reason: `${sum(data.train)} volumes feed it without ImageNet weights` };
  }
  const why = enough
    ? "the budget allows no larger one"
    : `${sum(data.train)} volumes and no ImageNet weights on this machine: a larger one would learn them by heart`;
  return { ...small, pretrained: false, reason: why };
}

/** The size that slices are planned, and timed, at: on a CPU at most 160 pixels, on a GPU 256. */
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

/** Slices of an epoch, and epochs, within the budget. */
function scheduleFor(data: Fingerprint, speed: Speed, budget: number | null) {
  const depth = slicesOf(data);
  // Neighbouring slices say nearly the same: an epoch looks at some of each volume, the next one at others.
  const wanted = Math.min(depth, 16);
  const options = [wanted, 12, 8, 6, 4].filter((n) => n <= wanted);
  for (const perVolume of options.length > 0 ? options : [wanted]) {
    for (let epochs = MOST_EPOCHS; epochs >= FEWEST_EPOCHS; epochs -= 2) {
      const seconds = secondsOf(data, speed, epochs, perVolume);
      if (budget !== null && seconds > budget) continue;
      return { choices: sliceChoices(perVolume, epochs, depth, budget), seconds, warnings: [] as string[] };
    }
  }
  const least = options.at(-1) ?? wanted;
  const seconds = secondsOf(data, speed, FEWEST_EPOCHS, least);
  const warnings = [`The budget of ${minutes(budget!)} is too short: the least plan takes ${minutes(seconds)}.`];
  return { choices: sliceChoices(least, FEWEST_EPOCHS, depth, budget), seconds, warnings };
}

function sliceChoices(perVolume: number, epochs: number, depth: number, budget: number | null): Choice[] {
  const time = budget === null ? "no budget given" : `what ${minutes(budget)} allow`;
  return [
    {
      key: "slice.slices_per_volume",
      value: perVolume >= depth ? null : perVolume,
      reason:
        perVolume >= depth
          ? "few slices a volume: all of them"
          : `of ${depth}, others each epoch: neighbours say nearly the same; ${time}`,
    },
    { key: "slice.epochs", value: epochs, reason: time },
  ];
}

/** Training and validation of the slices, embeddings of all, the head, evaluation. */
function secondsOf(data: Fingerprint, { training, embedding }: Speed, epochs: number, perVolume: number): number {
  const [train, val, depth] = [sum(data.train), sum(data.val), slicesOf(data)];
  const slices = epochs * ((train * perVolume) / training + (val * perVolume) / embedding);
  const embeddings = ((train + 3 * val) * depth) / embedding; // val twice, and about as much again for test
  const head = 30 * train * 2e-4;
  return slices + embeddings + head + 20;
}

function headFor(data: Fingerprint, volumes: number): Choice[] {
  const [least, , most] = data.depth;
  if (isCube(data)) {
    const head: Choice = {
      key: "volume.head",
      value: plannedName("head", "slices of three planes"),
      reason: "slices of three planes, which no order along the body joins",
    };
    if (slicesOf(data) === 3 * most) return [head];
    return [
      head,
      { key: "volume.slices", value: MOST_CUTS, reason: `${MOST_CUTS / 3} of each plane: neighbours overlap` },
    ];
  }
  const depths = least === most ? `${most} slices` : `${least} to ${most} slices`;
  if (least !== most)
    return [
      {
        key: "volume.head",
        value: plannedName("head", "volumes of several depths"),
        reason: `${depths} a volume: pooled, not stacked`,
      },
    ];
  return [
    {
      key: "volume.head",
      value: plannedName("head", "volumes of one depth"),
      reason: `${depths} in each volume: where along the body a finding lies counts too; side by side they would have tens of millions of weights for ${volumes} volumes`,
    },
  ];
}

function optimiser(stage: "slice" | "volume"): Choice[] {
  return [
    { key: `${stage}.optimizer`, value: "adamw", reason: "weight decay that does not depend on the gradient's size" },
    { key: `${stage}.weight_decay`, value: 0.01, reason: "its usual value" },
    { key: `${stage}.schedule`, value: "one_cycle", reason: "a fixed number of epochs: warm-up and decay in one" },
  ];
}

/** No class has more than 1.5 times the volumes of another. */
function isBalanced(train: readonly number[]): boolean {
  const present = train.filter((count) => count > 0);
  return Math.max(...present) <= 1.5 * Math.min(...present);
}

function sampling({ train, classes }: Fingerprint, balanced: boolean): string {
  const counts = classes.map((name, c) => `${name} ${train[c]}`).join(", ");
  return `training volumes: ${counts}; ${balanced ? "near enough to equal" : "rare classes would be overlooked"}`;
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
const minutes = (seconds: number): string =>
  seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
