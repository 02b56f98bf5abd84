/** Whether the values predict the label: a lost intercept or another converter in one class makes any model look perfect. */
import { medianOf } from "@slicestack/stats";
import type { ValueFlag } from "@slicestack/volume";
import { FLAGS_COLUMN, flagWarnings } from "../data/hu.js";
import type { Dataset } from "../data/store.js";
import { numbersAuc, type AcquisitionFinding } from "./acquisition.js";
import type { VolumeFacts } from "./volume-facts.js";

/** Statistics of a volume's values; those of air, which no disease changes, first. */
const NUMBERS = [
  { key: "least", name: "smallest value", ofAir: true },
  { key: "p1", name: "1st percentile", ofAir: true },
  { key: "mean", name: "mean", ofAir: false },
  { key: "p50", name: "median", ofAir: false },
  { key: "p99", name: "99th percentile", ofAir: false },
  { key: "most", name: "largest value", ofAir: false },
] as const;
type NumberKey = (typeof NUMBERS)[number]["key"];

/** From this AUROC, a model needs only the brightness, whatever the reason. */
const NEARLY_PERFECT = 0.95;

export interface ValueFingerprint {
  /** Medians over the volumes of each class. */
  classes: ({ class: string } & Record<NumberKey, number>)[];
  /** Each number alone, cross-validated by subject. */
  auroc: AcquisitionFinding[];
  /** Volumes whose values can hardly be HU. */
  doubts: string[];
}

export function valueFingerprint(
  dataset: Pick<Dataset, "volumes" | "info">,
  facts: readonly VolumeFacts[],
  seed: number,
): ValueFingerprint {
  const { volumes, info } = dataset;
  const numbers = NUMBERS.map(({ key, name }) => ({ name, values: facts.map((volume) => volume[key]) }));
  const findings = numbersAuc(dataset, numbers, seed);
  return {
    classes: info.classes.flatMap((name, label) => {
      const classFacts = facts.filter((_, k) => volumes[k]!.label === label);
      if (classFacts.length === 0) return [];
      const medians = NUMBERS.map(
        ({ key }) => [key, medianOf(classFacts.map((volume) => volume[key]))] as const,
      );
      return [{ class: name, ...(Object.fromEntries(medians) as Record<NumberKey, number>) }];
    }),
    auroc: findings.map((volume) => ({ ...volume, suspicious: isSuspicious(volume) })),
    doubts: info.unit === "HU" ? flagWarnings(withFlags(volumes, facts), info.classes) : [],
  };
}

/** Disease changes the mean and the bright end, too: for these only a nearly perfect AUROC is suspicious. */
function isSuspicious({ name, suspicious, auroc }: AcquisitionFinding): boolean {
  const ofAir = NUMBERS.find((number) => number.name === name)?.ofAir === true;
  return suspicious && (ofAir || auroc.value >= NEARLY_PERFECT);
}

/**
 * Data sets of earlier versions have no flags, so they are derived from the stored values. Cropped volumes are skipped,
 * because they may rightly contain no air.
 */
function withFlags(volumes: Dataset["volumes"], facts: readonly VolumeFacts[]): Dataset["volumes"] {
  if (volumes.some(({ extra }) => extra[FLAGS_COLUMN] !== undefined)) return volumes;
  return volumes.map((volume, k) => {
    if (volume.crop !== null) return volume;
    const { least, p50, p99 } = facts[k]!;
    if (least < -200) return volume;
    const flag: ValueFlag = p50 > 850 || p99 > 1000 ? "intercept-lost" : "no-air";
    return { ...volume, extra: { ...volume.extra, [FLAGS_COLUMN]: flag } };
  });
}
