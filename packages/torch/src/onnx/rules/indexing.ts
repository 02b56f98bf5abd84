/** Parts of a tensor by their place. */
import type { Call } from "../call.js";
import type { GraphWriter } from "../graph.js";
import type { Size } from "../size.js";
import { axisOf, rule, type Rules } from "./rule.js";

/** Larger than every size, for "up to the end". */
const END = 2 ** 53;

function cut(
  call: Call,
  graph: GraphWriter,
  { axis, start, end, step }: Record<"axis" | "start" | "end" | "step", Size>,
) {
  const bounds = [graph.sizes([start]), graph.sizes([end]), graph.sizes([axis]), graph.sizes([step])];
  return graph.node("Slice", [graph.name(call.tensor(0)), ...bounds]);
}

const narrow = rule([0], (call, graph) => {
  const [start, length] = [call.size(2), call.size(3)];
  return cut(call, graph, { axis: axisOf(call, 1), start, end: sum(call, start, length), step: 1 });
});

/** Of two sizes, of which one at most follows the inputs. */
function sum(call: Call, a: Size, b: Size): Size {
  if (typeof a === "number" && typeof b === "number") return a + b;
  const [fixed, free] = typeof a === "number" ? [a, b] : [b, a];
  if (typeof fixed !== "number" || typeof free === "number")
    return call.refuse("starts and ends at sizes of the inputs");
  if (fixed === 0) return free;
  return free.most === null
    ? { ...free, offset: free.offset + fixed }
    : call.refuse("ends at a limited size");
}

const slice = rule([0], (call, graph) => {
  const start = call.argument(2) === undefined ? 0 : call.size(2);
  const end = call.argument(3) === undefined ? END : call.size(3);
  return cut(call, graph, { axis: axisOf(call, 1), start, end, step: call.number(4) });
});

const select = rule([0], (call, graph) => {
  const index = graph.sizeScalar(call.size(2), "int64");
  return graph.node("Gather", [graph.name(call.tensor(0)), index], { axis: axisOf(call, 1) });
});

const indexSelect = rule([0, 2], (call, graph) =>
  graph.node("Gather", [graph.name(call.tensor(0)), graph.name(call.tensor(2))], { axis: axisOf(call, 1) }),
);

const gather = rule([0, 2], (call, graph) =>
  graph.node("GatherElements", [graph.name(call.tensor(0)), graph.name(call.tensor(2))], {
    axis: axisOf(call, 1),
  }),
);

const scatterAdd = rule([0, 2, 3], (call, graph) => {
  const inputs = [0, 2, 3].map((k) => graph.name(call.tensor(k)));
  return graph.node("ScatterElements", inputs, { axis: axisOf(call, 1), reduction: "add" });
});

const embedding = rule([0, 1], (call, graph) =>
  graph.node("Gather", [graph.name(call.tensor(0)), graph.name(call.tensor(1))], { axis: 0 }),
);

const topk = rule([0], (call, graph) => {
  const inputs = [graph.name(call.tensor(0)), graph.sizes([call.size(1)])];
  const largest = call.setting(3) === true ? 1 : 0;
  return graph.nodeOutputs("TopK", inputs, { axis: axisOf(call, 2), largest, sorted: 1 }, 2);
});

/** Sorts all values; equal values keep their order, because the smaller index comes first. */
const sort = rule([0], (call, graph) => {
  const axis = axisOf(call, 1);
  const all =
    call.tensor(0).shape[axis] ?? call.refuse("sorts along a size that follows the inputs in no simple way");
  const largest = call.setting(2) === true ? 1 : 0;
  return graph.nodeOutputs(
    "TopK",
    [graph.name(call.tensor(0)), graph.sizes([all])],
    { axis, largest, sorted: 1 },
    2,
  );
});

const oneHot = rule([0], (call, graph) => {
  const range = Array.from({ length: call.number(1) }, (_, k) => k);
  const classes = graph.constant(range, [range.length], "int64");
  const index = graph.node("Unsqueeze", [graph.as(call.tensor(0), "int64"), graph.integers([-1])]);
  return graph.cast(graph.node("Equal", [index, classes]), call.output.dtype);
});

export const indexingRules: Rules = {
  narrow,
  slice,
  select,
  indexSelect,
  gather,
  scatterAdd,
  embedding,
  topk,
  sort,
  oneHot,
};
