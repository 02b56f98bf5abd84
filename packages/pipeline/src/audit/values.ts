/** Do the values give the label away? A lost intercept or another converter in one class makes any model look perfect. */
import { medianOf } from "@slicestack/stats";
import { FLAGS_COLUMN, flagWarnings, type ValueFlag } from "../data/hu.js";
import type { Dataset } from "../data/store.js";
import { numbersAuc, type AcquisitionFinding } from "./acquisition.js";
import type { VolumeFacts } from "./volume-facts.js";

/** Numbers of a volume's values; those of air, which no disease changes, first. */
const NUMBERS = [
  { key: "least", name: "smallest value", ofAir: true },
  { key: "p1", name: "1st percentile", ofAir: true },
  { key: "mean", name: "mean", ofAir: false },
  { key: "p50", name: "median", ofAir: false },
  { key: "p99", name: "99th percentile", ofAir: false },
  { key: "most", name: "largest value", ofAir: false },
] as const;
type NumberKey = (typeof NUMBERS)[number]["key"];

/** From here on a model needs nothing but the brightness, whatever the reason. */
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
  const numbers = NUMBERS.map(({ key, name }) => ({ name, values: facts.map((one) => one[key]) }));
  const found = numbersAuc(dataset, numbers, seed);
  return {
    classes: info.classes.flatMap((name, label) => {
      const own = facts.filter((_, k) => volumes[k]!.label === label);
      if (own.length === 0) return [];
      const medians = NUMBERS.map(({ key }) => [key, medianOf(own.map((one) => one[key]))] as const);
      return [{ class: name, ...(Object.fromEntries(medians) as Record<NumberKey, number>) }];
    }),
    auroc: found.map((one) => ({ ...one, suspicious: isTelling(one) })),
    doubts: info.unit === "HU" ? flagWarnings(withFlags(volumes, facts), info.classes) : [],
  };
}

/** Disease changes the mean and the bright end, too: there only what is nearly perfect is suspicious. */
function isTelling({ name, suspicious, auroc }: AcquisitionFinding): boolean {
  const ofAir = NUMBERS.find((one) => one.name === name)?.ofAir === true;
  return suspicious && (ofAir || auroc.value >= NEARLY_PERFECT);
}

/**
 * Data sets that were prepared before values were looked at have no flags: what the stored values say stands in. Of a
 * region that was cut out they say nothing: it may rightly hold no air.
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
