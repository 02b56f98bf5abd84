/** Finds trials of a sweep that share a slice stage, which is trained once, in the run of the first of them. */
import { canonicalJson } from "./space.js";
import type { JsonValue, Trial } from "./trial.js";

/** Keys that the slice stage does not depend on (sliceStageKey of train/slice-from.ts). */
const LATER = /^(method$|name$|(head|network|fine_tune)(\.|$)|slice\.vote(_k)?$)/;

/**
 * For each trial with a slice stage, the first trial with the same one. Trials that share one have the same split and
 * seed.
 * @param method the method of the base configuration, for points that set none
 * @returns trial id → id of the donor, which is its own id for the first trial
 */
export function sliceDonors(trials: readonly Trial[], method: string): Map<string, string> {
  const first = new Map<string, string>();
  const donors = new Map<string, string>();
  for (const { id, point, seed, fold } of trials) {
    const methodOfPoint: JsonValue = point.settings["method"] ?? method;
    if (methodOfPoint === "3d") continue;
    const settings = Object.entries(point.settings).filter(([key]) => !LATER.test(key));
    const key = canonicalJson([Object.fromEntries(settings), seed, fold]);
    const donor = first.get(key) ?? id;
    first.set(key, donor);
    donors.set(id, donor);
  }
  return donors;
}
