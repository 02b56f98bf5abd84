/** The folder of `auto`. */
import { join, resolve } from "node:path";

/** The methods that are compared, the simplest first: a vote of slices, slices and a head, a network for whole volumes. */
export const CANDIDATES = ["2d", "2.5d", "3d"] as const;
export type CandidateName = (typeof CANDIDATES)[number];

/** What is evaluated and bundled: one of them, or the mean of their probabilities. */
export const FINAL = [...CANDIDATES, "ensemble"] as const;
export type FinalName = (typeof FINAL)[number];

export const TITLES: Record<FinalName, string> = {
  "2d": "2D",
  "2.5d": "2.5D",
  "3d": "3D",
  ensemble: "ensemble",
};

/** The files and folders that `auto` writes. */
export function autoPaths(out: string) {
  const root = resolve(out);
  const at = (name: string) => join(root, name);
  return {
    root,
    journal: at("auto.json"),
    data: at("data"),
    audit: at("audit.html"),
    plan: (name: CandidateName) => join(root, "plan", `${name}.yaml`),
    /** A group, with a run for each fold. */
    group: (name: CandidateName) => join(root, "runs", name),
    /** Out-of-fold predictions of every candidate, and of their mean. */
    validation: at("validation.csv"),
    /** Predictions of the final model and the baselines on the test set. */
    predictions: at("predictions.csv"),
    report: at("report.html"),
    bundle: at("model.slicestack"),
  };
}
export type AutoPaths = ReturnType<typeof autoPaths>;
