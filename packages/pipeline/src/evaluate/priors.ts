/** The mix of classes that a model saw in training, if it differs from that of the data. */
import { decidingSection, settingsOfStage, stagesOf } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import { componentOf } from "../models/component.js";
import type { Priors } from "./analysis/calibrate.js";
import { classPrior } from "./baselines/prior.js";

/**
 * A weighted sampler draws all classes equally often; inverse class weights have the same effect on the loss as drawing
 * with weights 1 / frequency. A loss with logit adjustment leaves the frequencies, to a power, out of the outputs.
 * @param trainLabels labels of the train part   @returns null if the mix was that of the data, or is not known exactly
 *   (effective class weights, a loss that is not proper, a class that is missing from train)
 */
export function trainedPriors(
  config: RunConfig,
  trainLabels: readonly number[],
  classes: number,
): Priors | null {
  if (trainLabels.length === 0) return null; // an imported checkpoint
  const { loss, weightedLoss, classWeights } = decidingSection(config);
  // The last weights of the main model are those of the last stage.
  const { weightedSampler } = settingsOfStage(config, stagesOf(config).at(-1)!).settings;
  const target = classPrior(trainLabels, classes);
  const component = componentOf("loss", loss.name);
  if (target.includes(0) || component.isProper === false || (weightedLoss && classWeights !== "inverse"))
    return null;
  const power = component.priorPower?.(loss.options) ?? 0;
  if (!weightedSampler && !weightedLoss && power === 0) return null;
  const mix = target.map(
    (share) => (weightedSampler ? 1 : share) / (weightedLoss ? share : 1) / share ** power,
  );
  const sum = mix.reduce((a, b) => a + b, 0);
  return { trained: mix.map((share) => share / sum), target };
}
