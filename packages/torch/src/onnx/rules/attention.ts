/** Attention as one op of the engine. */
import { rule, type Rules } from "./rule.js";

/** softmax(query · keyᵀ / √D + mask) · value */
const scaledDotProductAttention = rule([0, 1, 2, 3], (call, graph) => {
  if (call.setting(5) === true) call.refuse("is causal, which has no rule; give a mask");
  if (call.number(4) > 0) call.refuse("has dropout; put the module into evaluation mode first");
  const width = call.tensor(0).shape[3];
  if (typeof width !== "number") return call.refuse("has a width that may be any");
  const { dtype } = call.output;
  const [query, key, value] = [0, 1, 2].map((k) => graph.name(call.tensor(k)));
  const turned = graph.node("Transpose", [key!], { perm: [0, 1, 3, 2] });
  const scaled = graph.node("Mul", [query!, graph.scalar(1 / Math.sqrt(width), dtype)]);
  const score = graph.node("MatMul", [scaled, turned]);
  const mask = call.optional(3);
  const masked =
    mask === null
      ? score
      : mask.dtype === "bool"
        ? graph.node("Where", [graph.name(mask), score, graph.scalar(-Infinity, dtype)])
        : graph.node("Add", [score, graph.name(mask)]);
  return graph.node("MatMul", [graph.node("Softmax", [masked], { axis: -1 }), value!]);
});

export const attentionRules: Rules = { scaledDotProductAttention };
