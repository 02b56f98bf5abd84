/** @slicestack/pipeline/plugins: everything a plug-in needs to add components. See docs/how-to/add-a-component.md. */
export { z } from "zod";
export {
  defineAugmentation,
  defineHead,
  defineLoss,
  defineMetric,
  defineNetwork,
  defineTrunk,
  type AugmentationComponent,
  type Described,
  type Draws,
  type EpochScores,
  type HeadComponent,
  type HeadFacts,
  type HeadShape,
  type LossComponent,
  type LossFacts,
  type LossShape,
  type MetricComponent,
  type MetricFacts,
  type NetworkComponent,
  type NetworkFacts,
  type NetworkShape,
  type RecognisedWeights,
  type TrunkComponent,
  type TrunkFacts,
  type TrunkShape,
} from "./models/component.js";
export type { Component, ComponentKind, PublishedName } from "./config/components.js";
export { PluginError } from "./config/errors.js";
export type { CamLayers } from "./models/cam-layers.js";
export { ModelError } from "./models/common/model-error.js";
export type { VolumeSize } from "./models/common/input-sizes.js";
export { Head, type HeadOutput } from "./models/heads/head.js";
export type { Criterion } from "./models/losses/criterion.js";
export { massTotal, meanByMass, type MeanOptions } from "./models/losses/targets.js";
export { VolumeModel } from "./models/networks/volume-model.js";
export { ordinalOutputs, softmaxOutputs, type ClassOutputs } from "./models/outputs.js";
export type { AdoptedTensors, Guess, ModelGuess, Shapes, StageTensors } from "./models/recognition.js";
export { SliceModel } from "./models/trunks/slice-model.js";
