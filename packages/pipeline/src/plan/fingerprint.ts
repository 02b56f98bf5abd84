/** The properties of a data set that determine the choice of a configuration. */
import { labelsOf, type Dataset } from "../data/store.js";
import type { Split } from "../data/split/split.js";

export interface Fingerprint {
  name: string;
  unit: "HU" | "arbitrary";
  height: number;
  width: number;
  /** Slices per volume: minimum, median, maximum. */
  depth: [number, number, number];
  classes: string[];
  /** The number of volumes of each class in train and in val. */
  train: number[];
  val: number[];
  /** The number of subjects in train. */
  subjects: number;
  /** The median of slice distance divided by pixel size; 1 = the same resolution along the body as across. */
  anisotropy: number;
  /** Warnings before anything is trained. */
  flags: string[];
}

/** @param split of this data set */
export function fingerprint({ info, volumes }: Dataset, split: Split): Fingerprint {
  const part = (name: "train" | "val") => {
    const ids = new Set(split.parts[name]);
    return volumes.filter(({ id }) => ids.has(id));
  };
  const labels = labelsOf(info);
  const classes = labels.map((label) => info.classes[label]!);
  const count = (chosen: typeof volumes) =>
    labels.map((c) => chosen.filter(({ label }) => label === c).length);
  const train = part("train");
  const depths = volumes.map(({ count: slices }) => slices).sort((a, b) => a - b);
  const ratios = volumes.map(({ geometry: { spacing } }) => spacing[2] / Math.sqrt(spacing[0] * spacing[1]));
  const counts = count(train);
  return {
    name: info.name,
    unit: info.unit,
    height: info.height,
    width: info.width,
    depth: [depths[0]!, median(depths), depths.at(-1)!],
    classes,
    train: counts,
    val: count(part("val")),
    subjects: new Set(train.map(({ subject }) => subject)).size,
    anisotropy: median([...ratios].sort((a, b) => a - b)),
    flags: flagsOf(info, classes, counts, split),
  };
}

function flagsOf(
  info: Dataset["info"],
  classes: readonly string[],
  train: readonly number[],
  split: Split,
): string[] {
  const rare = classes.filter((_, c) => train[c]! > 0 && train[c]! < 10);
  const absent = classes.filter((_, c) => train[c] === 0);
  const quarantined = info.quarantined?.length ?? 0;
  return [
    ...(absent.length > 0
      ? [`No training volume of ${absent.join(", ")}: the model cannot learn this class.`]
      : []),
    ...(rare.length > 0
      ? [`Fewer than 10 training volumes of ${rare.join(", ")}: the scores of this class will be unreliable.`]
      : []),
    ...(quarantined > 0 ? [`${quarantined} volumes are quarantined: dataset.json has the reasons.`] : []),
    ...split.warnings,
  ];
}

const median = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)]!;
