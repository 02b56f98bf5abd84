/** Pooling over windows, and to a given size. */
import { rule, type Rule, type Rules } from "./rule.js";

const maxPool = (dimensions: number): Rule =>
  rule([0], (call, graph) => {
    const padding = call.numbers(3, dimensions);
    return graph.node("MaxPool", [graph.name(call.tensor(0))], {
      kernel_shape: call.numbers(1, dimensions),
      strides: call.numbers(2, dimensions),
      pads: [...padding, ...padding],
    });
  });

const averagePool = (dimensions: number): Rule =>
  rule([0], (call, graph) => {
    const padding = call.numbers(3, dimensions);
    return graph.node("AveragePool", [graph.name(call.tensor(0))], {
      kernel_shape: call.numbers(1, dimensions),
      strides: call.numbers(2, dimensions),
      pads: [...padding, ...padding],
      count_include_pad: call.setting(4) === true ? 1 : 0,
    });
  });

/** Pools to one value for any size, or to several if their number divides a fixed size. */
const adaptivePool = (dimensions: number, whole: string, windows: string): Rule =>
  rule([0], (call, graph) => {
    const x = graph.name(call.tensor(0));
    const target = call.numbers(1, dimensions);
    if (target.every((size) => size === 1)) return graph.node(whole, [x]);
    const sizes = call.tensor(0).shape.slice(-dimensions);
    const kernel = target.map((size, axis) => {
      const before = sizes[axis];
      return typeof before === "number" && before % size === 0
        ? before / size
        : call.refuse(
            `pools to ${size}, which does not divide ${typeof before === "number" ? before : "a size that may be any"}`,
          );
    });
    return graph.node(windows, [x], { kernel_shape: kernel, strides: kernel });
  });

export const poolingRules: Rules = {
  maxPool1d: maxPool(1),
  maxPool2d: maxPool(2),
  maxPool3d: maxPool(3),
  avgPool2d: averagePool(2),
  avgPool3d: averagePool(3),
  adaptiveAvgPool2d: adaptivePool(2, "GlobalAveragePool", "AveragePool"),
  adaptiveAvgPool3d: adaptivePool(3, "GlobalAveragePool", "AveragePool"),
  adaptiveMaxPool2d: adaptivePool(2, "GlobalMaxPool", "MaxPool"),
  adaptiveMaxPool3d: adaptivePool(3, "GlobalMaxPool", "MaxPool"),
};
