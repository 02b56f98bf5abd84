/** Views: the same values in another shape or order; joins and cuts. */
import type { Call } from "../call.js";
import type { GraphWriter } from "../graph.js";
import { sameSize, type Size } from "../size.js";
import { axisOf, rule, type Rules } from "./rule.js";

/** The shape of a tensor, all of whose sizes must be known. */
function knownShape(call: Call, shape: readonly (Size | undefined)[]): Size[] {
  return shape.map(
    (size) => size ?? call.refuse("has a shape that follows the sizes of the inputs in no simple way"),
  );
}

/** 0 copies a size and one -1 is inferred; if that is not enough, the shape is computed. */
function reshaped(call: Call, graph: GraphWriter): string {
  const x = call.tensor(0);
  const shape = call.output.shape;
  const plain = shape.map((size, k) =>
    typeof size === "number" ? size : sameSize(size, x.shape[k]) ? 0 : -1,
  );
  const isEnough = plain.filter((size) => size < 0).length <= 1;
  const target = isEnough ? graph.integers(plain) : graph.sizes(knownShape(call, shape));
  return graph.node("Reshape", [graph.name(x), target]);
}
const reshape = rule([0], reshaped);

const permute = rule([0], (call, graph) => {
  const { length } = call.tensor(0).shape;
  const order = call.numbers(1).map((axis) => (axis < 0 ? axis + length : axis));
  return graph.node("Transpose", [graph.name(call.tensor(0))], { perm: order });
});

const transpose = rule([0], (call, graph) => {
  const [a, b] = [axisOf(call, 1), axisOf(call, 2)];
  const order = call.tensor(0).shape.map((_, axis) => (axis === a ? b : axis === b ? a : axis));
  return graph.node("Transpose", [graph.name(call.tensor(0))], { perm: order });
});

/** Without an axis, all axes of size 1 are removed; an axis of another size remains. */
const squeeze = rule([0], (call, graph) => {
  const { shape } = call.tensor(0);
  if (shape.length === call.output.shape.length) return graph.name(call.tensor(0));
  const axes =
    call.setting(1) === undefined
      ? shape.flatMap((size, axis) => (size === 1 ? [axis] : []))
      : [axisOf(call, 1)];
  return graph.node("Squeeze", [graph.name(call.tensor(0)), graph.integers(axes)]);
});

const unsqueeze = rule([0], (call, graph) =>
  graph.node("Unsqueeze", [
    graph.name(call.tensor(0)),
    graph.integers([axisOf(call, 1, call.output.shape.length)]),
  ]),
);

const expand = rule([0], (call, graph) =>
  graph.node("Expand", [graph.name(call.tensor(0)), graph.sizes(knownShape(call, call.output.shape))]),
);

/** A tensor of more dimensions than before first gets new ones in front. */
const repeat = rule([0], (call, graph) => {
  const times = call.sizes(1);
  const missing = times.length - call.tensor(0).shape.length;
  const front = graph.integers(Array.from({ length: missing }, (_, axis) => axis));
  const x = graph.name(call.tensor(0));
  return graph.node("Tile", [missing > 0 ? graph.node("Unsqueeze", [x, front]) : x, graph.sizes(times)]);
});

const cat = rule([0], (call, graph) => {
  const tensors = call.tensors(0);
  const axis = axisOf(call, 1, call.output.shape.length);
  return graph.node(
    "Concat",
    tensors.map((tensor) => graph.as(tensor, call.output.dtype)),
    { axis },
  );
});

const stack = rule([0], (call, graph) => {
  const axis = axisOf(call, 1, call.output.shape.length);
  const rows = call
    .tensors(0)
    .map((tensor) => graph.node("Unsqueeze", [graph.name(tensor), graph.integers([axis])]));
  return graph.node("Concat", rows, { axis });
});

/** Pieces along an axis; a single piece is the whole, whatever its size. */
function pieces(
  call: Call,
  graph: GraphWriter,
  axis: number,
  sizes: readonly (Size | undefined)[],
): string[] {
  if (sizes.length === 1) return [graph.name(call.tensor(0))];
  const lengths = graph.sizes(knownShape(call, sizes));
  return graph.nodeOutputs("Split", [graph.name(call.tensor(0)), lengths], { axis }, sizes.length);
}

const split = rule([0], (call, graph) => {
  const axis = axisOf(call, 2);
  const lengths = call.outputs.map(({ shape }) => shape[axis]);
  return pieces(call, graph, axis, lengths);
});

const unbind = rule([0], (call, graph) => {
  const axis = axisOf(call, 1);
  const lengths = call.outputs.map(() => 1);
  return pieces(call, graph, axis, lengths).map((piece) =>
    graph.node("Squeeze", [piece, graph.integers([axis])]),
  );
});

const flip = rule([0], (call, graph) => {
  const axes = call.numbers(1);
  const all = (value: number) => graph.integers(axes.map(() => value));
  const inputs = [graph.name(call.tensor(0)), all(-1), all(-(2 ** 53)), graph.integers(axes), all(-1)];
  return graph.node("Slice", inputs);
});

const MODES: Record<string, string> = { constant: "constant", reflect: "reflect", replicate: "edge" };

/** The engine counts from the last axis, before and after each; ONNX lists all befores, then all afters. */
const pad = rule([0], (call, graph) => {
  const mode =
    MODES[String(call.setting(2))] ?? call.refuse(`has no rule for mode ${String(call.setting(2))}`);
  const padding = call.sizes(1);
  const { shape } = call.tensor(0);
  const along = (side: 0 | 1) => shape.map((_, axis) => padding[2 * (shape.length - 1 - axis) + side] ?? 0);
  const value = call.setting(3) === undefined ? 0 : call.number(3);
  const filled = mode === "constant" ? [graph.scalar(value, call.output.dtype)] : [];
  const amounts = graph.sizes([...along(0), ...along(1)]);
  return graph.node("Pad", [graph.name(call.tensor(0)), amounts, ...filled], { mode });
});

const triangle = (upper: number) =>
  rule([0], (call, graph) =>
    graph.node("Trilu", [graph.name(call.tensor(0)), graph.scalar(call.number(1), "int64")], { upper }),
  );

export const shapeRules: Rules = {
  view: reshape,
  reshape,
  flatten: reshape,
  permute,
  transpose,
  squeeze,
  unsqueeze,
  expand,
  repeat,
  cat,
  stack,
  split,
  chunk: split,
  unbind,
  flip,
  pad,
  tril: triangle(0),
  triu: triangle(1),
};
