/**
 * The built-in components, in the order of the reference. Importing this file registers them for the configuration. A new
 * component is a new file and an entry here; augmentations have their entries in augment/catalogue.ts.
 */
import { augmentations } from "../augment/catalogue.js";
import { registerComponent, setDefault } from "../config/components.js";
import { attention } from "./heads/attention.js";
import { conv1d } from "./heads/conv1d.js";
import { flatten } from "./heads/flatten.js";
import { gru } from "./heads/gru.js";
import { noisyOr } from "./heads/noisy-or.js";
import { max, mean } from "./heads/pooled.js";
import { topk } from "./heads/topk.js";
import { transformer } from "./heads/transformer.js";
import { crossEntropy } from "./losses/cross-entropy.js";
import { focal } from "./losses/focal.js";
import { labelDistribution } from "./losses/label-distribution.js";
import { logitAdjustment } from "./losses/logit-adjustment.js";
import { ordinal } from "./losses/ordinal.js";
import { auroc } from "./metrics/auroc.js";
import { balancedAccuracy } from "./metrics/balanced-accuracy.js";
import { loss } from "./metrics/loss.js";
import { macroF1 } from "./metrics/macro-f1.js";
import { quadraticKappa } from "./metrics/quadratic-kappa.js";
import { attn } from "./networks/attn.js";
import { maps3d, maps3dHead } from "./networks/maps-3d.js";
import { simple } from "./networks/simple.js";
import { simpleModular } from "./networks/simple-modular.js";
import { simplebn } from "./networks/simplebn.js";
import { twoStage } from "./networks/two-stage.js";
import { volumeCnn } from "./networks/volume-cnn.js";
import { convNextSmall, convNextTiny } from "./trunks/convnext.js";
import { customResnet, resnet18, resnet34, resnet50 } from "./trunks/custom-resnet.js";
import { denseNet121 } from "./trunks/densenet.js";
import {
  efficientNetB0,
  efficientNetB1,
  efficientNetB2,
  efficientNetB3,
  efficientNetB4,
  efficientNetLite0,
  efficientNetV2S,
} from "./trunks/efficientnet.js";
import { published2dCnn, sliceCnn } from "./trunks/slice-cnn.js";
import { vitBase, vitLarge, vitSmall } from "./trunks/vit.js";

export const trunks = [
  customResnet,
  resnet18,
  resnet34,
  resnet50,
  published2dCnn,
  sliceCnn,
  efficientNetLite0,
  efficientNetB0,
  efficientNetB1,
  efficientNetB2,
  efficientNetB3,
  efficientNetB4,
  efficientNetV2S,
  convNextTiny,
  convNextSmall,
  denseNet121,
  vitSmall,
  vitBase,
  vitLarge,
] as const;
export const heads = [
  flatten,
  mean,
  max,
  topk,
  noisyOr,
  attention,
  conv1d,
  gru,
  transformer,
  maps3dHead,
] as const;
export const networks = [simple, simplebn, simpleModular, attn, volumeCnn, maps3d, twoStage] as const;
export const losses = [crossEntropy, focal, ordinal, logitAdjustment, labelDistribution] as const;
export const metrics = [macroF1, balancedAccuracy, auroc, quadraticKappa, loss] as const;

/** The names of the heads that work on embeddings. */
export const headNames = heads.filter(({ sees }) => sees === "embedding").map(({ name }) => name);

for (const component of [...trunks, ...heads, ...networks, ...losses, ...metrics, ...augmentations])
  registerComponent(component);
// The components of a configuration that names none.
for (const component of [customResnet, flatten, simpleModular, crossEntropy, macroF1]) setDefault(component);
