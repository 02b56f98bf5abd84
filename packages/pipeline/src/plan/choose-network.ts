/** Chooses the configuration of a 3D network by rules, as choose-config.ts does for 2.5D, with a reason for each setting. */
import { plannedName } from "../config/components.js";
import type { VolumeSize } from "../models/common/input-sizes.js";
import {
  augmentFor,
  batchFor,
  FEWEST_EPOCHS,
  isBalanced,
  minutes,
  MOST_EPOCHS,
  nameOf,
  optimiser,
  sampling,
  selectFor,
  sum,
  windowFor,
  type Choice,
  type Plan,
} from "./choose-config.js";
import type { Fingerprint } from "./fingerprint.js";

/** Volumes per second of a network at a size on this machine. */
export interface NetworkSpeed {
  model: string;
  size: VolumeSize;
  training: number;
  inference: number;
}

/** Voxels per side: the least that the network takes, and a size that costs eight times as much. */
const [SMALL, LARGE] = [32, 64];
const TIMES = (LARGE / SMALL) ** 3;
/** A volume with fewer voxels along a side holds no more than the small size shows. */
const WORTH_LARGER = 48;

/** The network whose speed is to be measured. */
export const plannedNetwork = (): Pick<NetworkSpeed, "model" | "size"> => ({
  model: plannedName("network", "whole volumes"),
  size: [SMALL, SMALL, SMALL],
});

/**
 * @param speed of plannedNetwork   @param budget seconds for training; null: as long as the full plan takes
 * @param overhead seconds that a training takes besides its steps
 */
export function chooseNetwork(
  data: Fingerprint,
  { device, speed }: { device: string; speed: NetworkSpeed },
  budget: number | null,
  overhead: number,
): Plan {
  const volumes = sum(data.train);
  const step = volumes / speed.training + sum(data.val) / speed.inference;
  const secondsOf = (epochs: number, times: number) => epochs * times * step + overhead;
  // Only where all epochs are left, or a GPU makes it cheap.
  const isWorth = Math.min(data.height, data.width, data.depth[1]) >= WORTH_LARGER;
  const isCheap = budget === null ? device !== "cpu" : secondsOf(MOST_EPOCHS, TIMES) <= budget;
  const isLarge = isWorth && isCheap;
  const times = isLarge ? TIMES : 1;
  let epochs = MOST_EPOCHS;
  while (budget !== null && epochs > FEWEST_EPOCHS && secondsOf(epochs, times) > budget) epochs -= 2;
  const seconds = secondsOf(epochs, times);
  const isShort = budget !== null && seconds > budget;
  const time = budget === null ? "no budget given" : `as many as ${minutes(budget)} allow`;
  const balanced = isBalanced(data.train);
  const { select, reason } = selectFor(data);
  const choices: Choice[] = [
    nameOf(data),
    { key: "method", value: "3d", reason: "a network that sees the whole volume at once" },
    windowFor(data),
    augmentFor(data),
    {
      key: "network.model",
      value: speed.model,
      reason: "the best of the 3D networks that two cores can train",
    },
    {
      key: "network.size",
      value: isLarge ? [LARGE, LARGE, LARGE] : speed.size,
      reason: isLarge
        ? "all epochs fit at this size"
        : isWorth
          ? `${data.height} x ${data.width} x ${data.depth[1]} made small: twice the side costs eight times as much`
          : "the least that this network takes; the volumes hold no more",
    },
    { key: "network.epochs", value: epochs, reason: time },
    batchFor("network", volumes, 16),
    { key: "network.learning_rate", value: 1e-3, reason: "from scratch" },
    ...optimiser("network"),
    { key: "network.select", value: select, reason },
    { key: "network.weighted_sampler", value: !balanced, reason: sampling(data, balanced) },
  ];
  const warnings = isShort
    ? [`The budget of ${minutes(budget)} is too short: the smallest plan takes ${minutes(seconds)}.`]
    : [];
  return { choices, seconds, warnings };
}
