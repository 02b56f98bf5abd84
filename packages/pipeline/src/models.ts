/** @slicestack/pipeline/models: the built-in components, and functions that create modules from names or from a ModelSpec. */
export { heads, losses, metrics, networks, trunks } from "./models/catalogue.js";
export {
  createCriterion,
  createHead,
  createSliceModel,
  createVolumeModel,
  outputsOf,
} from "./models/create-by-name.js";
export type { HeadSettings, SliceModelSettings, VolumeModelSettings } from "./models/create-by-name.js";
export {
  createModel,
  type ModelModules,
  type NetworkModules,
  type SliceModules,
  type StackModules,
} from "./models/create-model.js";
export {
  listedModels,
  modelFacts,
  type ModelFacts,
  type ModelKind,
  type ZooShape,
} from "./models/model-facts.js";
export {
  modelSpecSchema,
  type ModelSpec,
  type SliceSpec,
  type StackSpec,
  type VolumeSpec,
} from "./models/spec.js";
export type {
  HeadComponent,
  HeadFacts,
  HeadShape,
  LossComponent,
  LossFacts,
  LossShape,
  MetricComponent,
  MetricFacts,
  NetworkComponent,
  NetworkFacts,
  NetworkShape,
  RecognisedWeights,
  TrunkComponent,
  TrunkFacts,
  TrunkShape,
} from "./models/component.js";
export { Head, type HeadOutput } from "./models/heads/head.js";
export type { Criterion } from "./models/losses/criterion.js";
export type { ResNetDepth } from "./models/trunks/resnet.js";
export { VolumeModel } from "./models/networks/volume-model.js";
export type { ClassOutputs } from "./models/outputs.js";
export { SliceModel } from "./models/trunks/slice-model.js";
