/** Values along some axes, or all, become one. */
import type { Call } from "../call.js";
import type { GraphWriter } from "../graph.js";
import { axisOf, rule, type Rule, type Rules } from "./rule.js";

/** Axes by argument k; undefined: all of them. */
function axesOf(call: Call, k: number): number[] | undefined {
  return call.argument(k) === undefined ? undefined : call.numbers(k, 1);
}

/** Reductions whose axes are an input since opset 13 (a sum) or 18. */
function reduced(type: string): Rule {
  return rule([0], (call, graph) => {
    const axes = axesOf(call, 1);
    const inputs = [
      graph.as(call.tensor(0), call.output.dtype),
      ...(axes === undefined ? [] : [graph.integers(axes)]),
    ];
    return graph.node(type, inputs, { keepdims: call.setting(2) === true ? 1 : 0 });
  });
}

/** Booleans are counted as whole numbers. */
const truths = (type: string): Rule =>
  rule([0], (call, graph) => {
    const axes = axesOf(call, 1);
    const inputs = [graph.as(call.tensor(0), "int32"), ...(axes === undefined ? [] : [graph.integers(axes)])];
    return graph.cast(graph.node(type, inputs, { keepdims: call.setting(2) === true ? 1 : 0 }), "bool");
  });

/** Without an axis, the place among all values. */
const place = (type: string): Rule =>
  rule([0], (call, graph) => {
    const keepdims = call.setting(2) === true ? 1 : 0;
    const x = graph.name(call.tensor(0));
    if (call.setting(1) !== undefined) return graph.node(type, [x], { axis: axisOf(call, 1), keepdims });
    if (keepdims === 1) call.refuse("keeps dimensions without an axis");
    const flat = graph.node("Reshape", [x, graph.integers([-1])]);
    return graph.node(type, [flat], { axis: 0, keepdims });
  });

/** The extreme value, and along an axis its place as well. */
const extreme = (value: string, index: string): Rule =>
  rule([0], (call, graph) => {
    const x = graph.name(call.tensor(0));
    if (call.setting(1) === undefined) return graph.node(value, [x], { keepdims: 0 });
    const keepdims = call.setting(2) === true ? 1 : 0;
    const axis = axisOf(call, 1);
    return [
      graph.node(value, [x, graph.integers([axis])], { keepdims }),
      graph.node(index, [x], { axis, keepdims }),
    ];
  });

/** @param write from the variance to the result */
const spread = (write: (graph: GraphWriter, variance: string) => string): Rule =>
  rule([0], (call, graph) => {
    const { shape, dtype } = call.tensor(0);
    const axes = axesOf(call, 1) ?? shape.map((_, axis) => axis);
    const counts = axes.map((axis) => shape.at(axis));
    const count = counts.every((size) => typeof size === "number") ? counts.reduce((a, b) => a * b, 1) : null;
    const correction = call.number(3);
    if (count === null && correction !== 0) call.refuse("corrects a variance over a size that may be any");
    const x = graph.name(call.tensor(0));
    const centred = graph.node("Sub", [
      x,
      graph.node("ReduceMean", [x, graph.integers(axes)], { keepdims: 1 }),
    ]);
    const squares = graph.node("Mul", [centred, centred]);
    const keepdims = call.setting(2) === true ? 1 : 0;
    const mean = graph.node("ReduceMean", [squares, graph.integers(axes)], { keepdims });
    if (correction === 0 || count === null) return write(graph, mean);
    return write(graph, graph.node("Mul", [mean, graph.scalar(count / (count - correction), dtype)]));
  });

const norm = rule([0], (call, graph) => {
  const p = call.number(3);
  if (p !== 1 && p !== 2) call.refuse(`has no rule for p = ${p}`);
  const axes = axesOf(call, 1);
  const inputs = [graph.name(call.tensor(0)), ...(axes === undefined ? [] : [graph.integers(axes)])];
  return graph.node(`ReduceL${p}`, inputs, { keepdims: call.setting(2) === true ? 1 : 0 });
});

const cumsum = rule([0], (call, graph) =>
  graph.node("CumSum", [graph.as(call.tensor(0), call.output.dtype), graph.scalar(axisOf(call, 1), "int64")]),
);

export const reductionRules: Rules = {
  sum: reduced("ReduceSum"),
  mean: reduced("ReduceMean"),
  amax: reduced("ReduceMax"),
  amin: reduced("ReduceMin"),
  prod: reduced("ReduceProd"),
  logsumexp: reduced("ReduceLogSumExp"),
  any: truths("ReduceMax"),
  all: truths("ReduceMin"),
  argmax: place("ArgMax"),
  argmin: place("ArgMin"),
  max: extreme("ReduceMax", "ArgMax"),
  min: extreme("ReduceMin", "ArgMin"),
  variance: spread((_, variance) => variance),
  std: spread((graph, variance) => graph.node("Sqrt", [variance])),
  norm,
  cumsum,
};
