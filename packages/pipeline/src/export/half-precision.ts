/** Converts weights to half precision, and checks whether decisions stay the same. */
import { noGrad, scope, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import { correctPriors, voteBy } from "@slicestack/stats";
import type { VoxelSource } from "../input/source.js";
import type { Decision } from "../models/decision.js";
import { deciding, isNetwork, type OpenModel } from "../predict/open-model.js";
import type { Volume } from "../predict/features.js";
import type { Predicted } from "../predict/prediction.js";
import { predictorOf } from "../predict/predictor.js";
import { ExportError } from "./export-error.js";

/** The modules that contribute to the decision. */
const modulesOf = (model: OpenModel): Module[] => {
  if (isNetwork(model)) return [model.network];
  const { trunk, head } = deciding(model);
  return head === null ? [trunk] : [trunk, head];
};

/** Rounds all weights to half precision, in place. @throws ExportError for a weight beyond its range */
export function roundToHalf(model: OpenModel): void {
  for (const module of modulesOf(model))
    for (const [name, tensor] of [...module.namedParameters(), ...module.namedBuffers()])
      if (tensor.dtype === "float32") scope(() => noGrad(() => roundTensor(name, tensor)));
}

function roundTensor(name: string, tensor: Tensor): void {
  const half = tensor.detach().to({ dtype: "float16" }).to({ dtype: "float32" });
  if (half.isfinite().all().item() === 0)
    throw new ExportError(
      `${name} has values beyond the range of half precision (65504)`,
      "Export with --weights fp32.",
    );
  tensor.copy_(half);
}

/**
 * The decisions of the main model on each volume: the most likely class, and for two classes the thresholds reached.
 */
export function decisionsOf(
  model: OpenModel,
  source: VoxelSource,
  volumes: readonly Volume[],
  decision: Decision | null,
): string[] {
  using predictor = predictorOf(model, source, { device: "cpu", bfloat16: false });
  const probabilities = probabilitiesOf(model, predictor.predict(volumes));
  const priors = decision?.calibration.priors ?? null;
  const mixed =
    priors === null
      ? probabilities
      : correctPriors(probabilities, { trained: [...priors.trained], target: [...priors.target] });
  const thresholds = decision?.thresholds.map(({ threshold }) => threshold) ?? [];
  return mixed.map((row, k) => {
    const reached = thresholds.map((threshold) => (probabilities[k]?.[1] ?? 0) >= threshold);
    return [row.indexOf(Math.max(...row)), ...reached].join();
  });
}

function probabilitiesOf({ spec }: OpenModel, { models, slices }: Predicted): number[][] {
  const last = models.at(-1);
  if (last !== undefined) return last.probabilities;
  if (spec.method !== "2d" || slices === null) throw new TypeError("expected the votes of slices");
  const classes = spec.classes.names.length;
  let next = 0;
  const row = () => slices.probabilities.subarray(next * classes, ++next * classes);
  const volumes = slices.counts.map((count) => Array.from({ length: count }, row));
  return voteBy(spec.vote.rule, { val: { slices: [], labels: [] }, volumes, k: spec.vote.k }).probabilities;
}

/** @throws ExportError with the number of decisions that would change */
export function checkDecisions(before: readonly string[], after: readonly string[]): void {
  const changed = before.filter((decision, k) => decision !== after[k]).length;
  if (changed === 0) return;
  throw new ExportError(
    `With weights in half precision, the decision on ${changed} of ${before.length} validation volumes would change`,
    "Export with --weights fp32.",
  );
}
