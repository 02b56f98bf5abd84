/** Explains one volume by several models at once: by the mean of their probabilities, and the mean of their maps. */
import { scope } from "@slicestack/torch";
import type { TaskVolume } from "../data/task.js";
import { meanOf } from "../predict/mean-of.js";
import { MAP_KINDS, explainVolume } from "./subject.js";
import type { MapKind, SliceShare, StoredMaps, SubjectExplained, SubjectOptions } from "./subject.js";
import type { VolumeFunction } from "./volume-function.js";

/** A model, with what is particular to it. */
export interface ExplainedModel extends Pick<SubjectOptions, "layer" | "check"> {
  function: VolumeFunction;
}

/** @param models one or more; each explains the class that the mean of all predicts, or `target` */
export function explainByModels(
  models: readonly ExplainedModel[],
  volume: TaskVolume,
  options: Omit<SubjectOptions, "layer" | "check">,
): { explained: SubjectExplained; maps: StoredMaps } {
  const [first] = models as [ExplainedModel, ...ExplainedModel[]];
  if (models.length === 1) return explainVolume(first.function, volume, { ...options, ...first });
  const probabilities = meanOf(
    models.map(({ function: model }) => scope(() => model.predict(model.input(volume)).probabilities_K)),
  );
  const predicted = probabilities.indexOf(Math.max(...probabilities));
  const target = options.target ?? predicted;
  const each = models.map((model) => explainVolume(model.function, volume, { ...options, ...model, target }));
  const { id, subject, label } = volume;
  const explained: SubjectExplained = {
    id,
    subject,
    label,
    predicted,
    target,
    probabilities,
    score: logOdds(probabilities, target),
    slices: meanShares(each.map((one) => one.explained.slices)),
    completeness: null,
    checks: {},
    models: each.map((one) => one.explained),
  };
  return {
    explained,
    maps: meanMaps(
      options.kinds,
      each.map(({ maps }) => maps),
    ),
  };
}

/** Finite also where float32 has rounded a probability to 0 or 1: the others are summed, not taken from 1. */
export function logOdds(probabilities: readonly number[], target: number): number {
  const others = probabilities.reduce((sum, value, k) => (k === target ? sum : sum + value), 0);
  const log = (value: number) => Math.log(Math.max(Number.MIN_VALUE, value));
  return log(probabilities[target]!) - log(others);
}

/** The mean of maps on the grid of the stored volume. */
export function meanMaps(kinds: readonly MapKind[], maps: readonly StoredMaps[]): StoredMaps {
  const wanted = MAP_KINDS.filter((kind) => kinds.includes(kind));
  return Object.fromEntries(
    wanted.map((kind) => {
      const sum = Float32Array.from(maps[0]![kind]!);
      for (const other of maps.slice(1)) other[kind]!.forEach((value, k) => (sum[k]! += value));
      return [kind, sum.map((value) => value / maps.length)];
    }),
  );
}

/** Empty where the models see different slices, whose contributions cannot be averaged. */
function meanShares(each: readonly (readonly SliceShare[])[]): SliceShare[] {
  const [first] = each as [readonly SliceShare[], ...(readonly SliceShare[])[]];
  const places = (shares: readonly SliceShare[]) => JSON.stringify(shares.map(({ place }) => place));
  if (each.some((shares) => places(shares) !== places(first))) return [];
  return first.map(({ place }, k) => {
    const mean = (of: (share: SliceShare) => number | null) =>
      meanOrNull(each.map((shares) => of(shares[k]!)));
    return {
      place,
      weight: mean(({ weight }) => weight),
      leftOut: mean(({ leftOut }) => leftOut),
      air: mean(({ air }) => air)!,
      ig: mean(({ ig }) => ig),
      gradcam: mean(({ gradcam }) => gradcam),
    };
  });
}

function meanOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length < values.length ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}
