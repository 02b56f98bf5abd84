/** Linear layers, convolutions and normalisations. */
import type { Call } from "../call.js";
import type { GraphWriter } from "../graph.js";
import { rule, type Rules } from "./rule.js";

/** x_...I · weight_OIᵀ + bias_O */
const linear = rule([0, 1, 2], (call, graph) => {
  const bias = call.optional(2);
  const [x, weight] = [graph.name(call.tensor(0)), graph.name(call.tensor(1))];
  const added = bias === null ? [] : [graph.name(bias)];
  if (call.tensor(0).shape.length === 2) return graph.node("Gemm", [x, weight, ...added], { transB: 1 });
  const product = graph.node("MatMul", [x, graph.node("Transpose", [weight], { perm: [1, 0] })]);
  return bias === null ? product : graph.node("Add", [product, ...added]);
});

const product = rule([0, 1], (call, graph) =>
  graph.node(
    "MatMul",
    [0, 1].map((k) => graph.name(call.tensor(k))),
  ),
);

const convolution = (dimensions: number) =>
  rule([0, 1, 2], (call, graph) => {
    const bias = call.optional(2);
    const inputs = [call.tensor(0), call.tensor(1), ...(bias === null ? [] : [bias])];
    const padding = call.numbers(4, dimensions);
    return graph.node(
      "Conv",
      inputs.map((tensor) => graph.name(tensor)),
      {
        strides: call.numbers(3, dimensions),
        pads: [...padding, ...padding],
        dilations: call.numbers(5, dimensions),
        group: call.number(6),
      },
    );
  });

/** By the running statistics. */
const batchNorm = rule([0, 1, 2, 3, 4], (call, graph) => {
  if (call.setting(5) === true)
    call.refuse("uses the statistics of the batch; put the module into evaluation mode first");
  const mean = call.tensor(3);
  const [channels] = mean.shape;
  const learned = (k: number, start: number) =>
    nameOr(graph, call, k, () => filled(graph, call, [channels], start));
  const inputs = [
    graph.name(call.tensor(0)),
    learned(1, 1),
    learned(2, 0),
    graph.name(mean),
    graph.name(call.tensor(4)),
  ];
  return graph.node("BatchNormalization", inputs, { epsilon: { float: call.number(7) } });
});

const layerNorm = rule([0, 2, 3], (call, graph) => {
  const shape = call.numbers(1);
  const weight = nameOr(graph, call, 2, () => filled(graph, call, shape, 1));
  const bias = call.optional(3);
  const inputs = [graph.name(call.tensor(0)), weight, ...(bias === null ? [] : [graph.name(bias)])];
  return graph.node("LayerNormalization", inputs, {
    axis: -shape.length,
    epsilon: { float: call.number(4) },
  });
});

/** Each group of channels is an instance of its own; weight and bias are those of the channels. */
const groupNorm = rule([0, 2, 3], (call, graph) => {
  const x = graph.name(call.tensor(0));
  const groups = call.number(1);
  const [, channels, ...places] = call.tensor(0).shape;
  const flat = graph.node("Reshape", [x, graph.integers([0, groups, -1])]);
  const plain = [1, 0].map((start) => filled(graph, call, [groups], start));
  const epsilon = { float: call.number(4) };
  const normed = graph.node("InstanceNormalization", [flat, ...plain], { epsilon });
  const back = graph.node("Reshape", [normed, graph.node("Shape", [x])]);
  const perChannel = (k: number, start: number) => {
    const name = nameOr(graph, call, k, () => filled(graph, call, [channels], start));
    return graph.node("Reshape", [name, graph.integers([-1, ...places.map(() => 1)])]);
  };
  return graph.node("Add", [graph.node("Mul", [back, perChannel(2, 1)]), perChannel(3, 0)]);
});

function nameOr(graph: GraphWriter, call: Call, k: number, otherwise: () => string): string {
  const tensor = call.optional(k);
  return tensor === null ? otherwise() : graph.name(tensor);
}

/** A constant of one value. */
function filled(graph: GraphWriter, call: Call, shape: readonly unknown[], value: number): string {
  const sizes = shape.map((size) =>
    typeof size === "number" ? size : call.refuse("has channels that may be any"),
  );
  const count = sizes.reduce((a, b) => a * b, 1);
  return graph.constant(new Array<number>(count).fill(value), sizes, call.output.dtype);
}

export const layerRules: Rules = {
  linear,
  matmul: product,
  bmm: product,
  conv1d: convolution(1),
  conv2d: convolution(2),
  conv3d: convolution(3),
  batchNorm,
  layerNorm,
  groupNorm,
};
