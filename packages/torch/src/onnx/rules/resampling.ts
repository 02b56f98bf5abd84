/** Resampling of images and volumes. */
import type { Call } from "../call.js";
import type { GraphWriter } from "../graph.js";
import type { Size } from "../size.js";
import { rule, type Rules } from "./rule.js";

const MODES: Record<string, string> = {
  nearest: "nearest",
  bilinear: "linear",
  trilinear: "linear",
  bicubic: "cubic",
};

/** To a spatial size; the scales follow from the sizes. */
const interpolate = rule([0], (call, graph) => {
  const mode =
    MODES[String(call.setting(2))] ?? call.refuse(`has no rule for mode ${String(call.setting(2))}`);
  const spatial = call.output.shape
    .slice(2)
    .map((size) => size ?? call.refuse("resamples to a size of no simple rule"));
  if (call.setting(4) === true) return antialiased(call, graph, mode, spatial);
  const x = graph.name(call.tensor(0));
  // The first two sizes are those of the input.
  const kept = graph.node("Shape", [x], { start: 0, end: 2 });
  const target = graph.node("Concat", [kept, graph.sizes(spatial)], { axis: 0 });
  const half = mode === "nearest" ? "asymmetric" : "half_pixel";
  return graph.node("Resize", [x, "", "", target], {
    mode,
    coordinate_transformation_mode: call.setting(3) === true ? "align_corners" : half,
    ...(mode === "nearest" ? { nearest_mode: "floor" } : {}),
    ...(mode === "cubic" ? { cubic_coeff_a: { float: -0.75 } } : {}),
  });
});

/**
 * Each axis is a product with a matrix of weights. ONNX's own antialiased Resize is known to few runtimes, and that of
 * onnxruntime is only equal to 4 digits.
 */
function antialiased(call: Call, graph: GraphWriter, mode: string, target: readonly Size[]): string {
  if (mode !== "linear" || call.setting(3) === true)
    call.refuse("is antialiased by a rule in mode bilinear only");
  let x = graph.name(call.tensor(0));
  const [before0, before1] = call.tensor(0).shape.slice(2);
  const [height, width] = target.map((size) =>
    typeof size === "number" ? size : call.refuse("grows to any size"),
  );
  if (before0 !== height) x = graph.node("MatMul", [triangles(call, graph, before0, height!), x]);
  if (before1 === width) return x;
  return graph.node("MatMul", [
    x,
    graph.node("Transpose", [triangles(call, graph, before1, width!)], { perm: [1, 0] }),
  ]);
}

/** Weights of `before` places for each of `after`: triangles as wide as what a place covers, rows sum to 1. */
function triangles(call: Call, graph: GraphWriter, before: Size | undefined, after: number): string {
  if (before === undefined) return call.refuse("resamples a size that follows no simple rule");
  if (typeof before === "number")
    return graph.constant(triangleWeights(before, after), [after, before], "float32");
  const scalar = (value: number) => graph.scalar(value, "float64");
  const half = (name: string) => graph.node("Add", [name, scalar(0.5)]);
  const count = graph.sizeScalar(before, "float64");
  const scale = graph.node("Div", [count, scalar(after)]);
  const places = half(graph.node("Range", [scalar(0), count, scalar(1)]));
  const rows = graph.constant(
    Array.from({ length: after }, (_, k) => k + 0.5),
    [after, 1],
    "float64",
  );
  const distance = graph.node("Abs", [graph.node("Sub", [places, graph.node("Mul", [rows, scale])])]);
  const reach = graph.node("Max", [scale, scalar(1)]);
  const fall = graph.node("Sub", [scalar(1), graph.node("Div", [distance, reach])]);
  const weight = graph.node("Max", [fall, scalar(0)]);
  const sum = graph.node("ReduceSum", [weight, graph.integers([1])], { keepdims: 1 });
  return graph.cast(graph.node("Div", [weight, sum]), "float32");
}

function triangleWeights(before: number, after: number): number[] {
  const scale = before / after;
  const reach = Math.max(1, scale);
  return Array.from({ length: after }, (_, row) => {
    const centre = (row + 0.5) * scale;
    const weights = Array.from({ length: before }, (_, k) =>
      Math.max(0, 1 - Math.abs(k + 0.5 - centre) / reach),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / sum);
  }).flat();
}

export const resamplingRules: Rules = { interpolate };
