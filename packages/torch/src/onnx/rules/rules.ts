/** All rules, by the name of the op in the engine. */
import { OnnxError } from "../onnx-error.js";
import { attentionRules } from "./attention.js";
import { creationRules } from "./creation.js";
import { elementwiseRules } from "./elementwise.js";
import { indexingRules } from "./indexing.js";
import { layerRules } from "./layers.js";
import { poolingRules } from "./pooling.js";
import { recurrentRules } from "./recurrent.js";
import { reductionRules } from "./reduction.js";
import { resamplingRules } from "./resampling.js";
import type { Rule, Rules } from "./rule.js";
import { shapeRules } from "./shape.js";

const rules: Rules = {
  ...attentionRules,
  ...creationRules,
  ...elementwiseRules,
  ...indexingRules,
  ...layerRules,
  ...poolingRules,
  ...recurrentRules,
  ...reductionRules,
  ...resamplingRules,
  ...shapeRules,
};

/** The ops that can be written. */
export const supportedOps: readonly string[] = Object.keys(rules).sort();

/** @throws OnnxError if there is none */
export function ruleOf(op: string): Rule {
  const found = Object.hasOwn(rules, op) ? rules[op] : undefined;
  if (found !== undefined) return found;
  throw new OnnxError("has no rule, so that a model that uses it cannot be written as an ONNX graph", op);
}
