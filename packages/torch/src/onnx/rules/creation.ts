/** Tensors that are made from numbers. */
import type { Call } from "../call.js";
import type { GraphWriter } from "../graph.js";
import { rule, type Rules } from "./rule.js";

const filledWith = (value: (call: Call) => number) =>
  rule([], (call, graph) => {
    const scalar = graph.scalar(value(call), call.output.dtype);
    const shape = call.sizes(0);
    return shape.length === 0 ? scalar : graph.node("Expand", [scalar, graph.sizes(shape)]);
  });

const arange = rule([], (call, graph) => {
  const { dtype } = call.output;
  return graph.node(
    "Range",
    [0, 1, 2].map((k) => graph.sizeScalar(call.size(k), dtype)),
  );
});

/** Values from JavaScript, which are constants of the graph. */
const fromTypedArray = rule([], (call, graph) => constant(call, graph));

function constant(call: Call, graph: GraphWriter): string {
  const values = call.values(0);
  const { dtype } = call.output;
  const list = Array.from(values as ArrayLike<number | bigint>);
  if (dtype === "float16" || dtype === "bfloat16")
    return graph.cast(graph.constant(list, call.numbers(1), "float32"), dtype);
  return graph.constant(list, call.numbers(1), dtype);
}

export const creationRules: Rules = {
  zeros: filledWith(() => 0),
  ones: filledWith(() => 1),
  full: filledWith((call) => call.number(1)),
  arange,
  fromTypedArray,
};
