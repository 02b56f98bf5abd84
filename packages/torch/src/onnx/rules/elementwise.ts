/** Arithmetic, comparisons, activations and casts, value by value. */
import type { DType } from "../../types.js";
import type { Call, SizedTensor } from "../call.js";
import type { GraphWriter } from "../graph.js";
import { rule, type Rule, type Rules } from "./rule.js";

const unary = (type: string): Rule =>
  rule([0], (call, graph) => graph.node(type, [graph.name(call.tensor(0))]));

/** The tensor itself: in evaluation, on one device, in one memory format, nothing changes. */
const same = rule([0], (call, graph) => graph.name(call.tensor(0)));

const isFloating = (dtype: DType): boolean => /float/.test(dtype);

/** x op other, where `other` is a tensor or, with a true third argument, a number. */
const binary = (write: (graph: GraphWriter, x: string, other: string) => string): Rule => ({
  tensors: (given) => (given[2] === true ? [0] : [0, 1]),
  write: (call, graph) => write(graph, ...operands(call, graph, call.output.dtype)),
});

/** Like the above for boolean results: both operands are converted to a type that can represent either. */
const comparison = (write: (graph: GraphWriter, x: string, other: string) => string): Rule => ({
  tensors: (given) => (given[2] === true ? [0] : [0, 1]),
  write: (call, graph) => write(graph, ...operands(call, graph, comparedAs(call))),
});

function comparedAs(call: Call): DType {
  const { dtype } = call.tensor(0);
  if (isFloating(dtype)) return dtype;
  const other = call.isPlain(1) ? null : call.tensor(1).dtype;
  if (other === null)
    return Number.isInteger(call.argument(1)) ? (dtype === "bool" ? "int64" : dtype) : "float32";
  return other === dtype ? dtype : isFloating(other) ? other : "int64";
}

function operands(call: Call, graph: GraphWriter, dtype: DType): [string, string] {
  const x = graph.as(call.tensor(0), dtype);
  return [x, call.isPlain(1) ? graph.sizeScalar(call.size(1), dtype) : graph.as(call.tensor(1), dtype)];
}

const node = (type: string) => (graph: GraphWriter, x: string, other: string) => graph.node(type, [x, other]);

/** The remainder has the sign of the divisor. */
const remainder: Rule = {
  ...binary(node("Mod")),
  write: (call, graph) => {
    const [x, other] = operands(call, graph, call.output.dtype);
    if (!isFloating(call.output.dtype)) return graph.node("Mod", [x, other]);
    const whole = graph.node("Floor", [graph.node("Div", [x, other])]);
    return graph.node("Sub", [x, graph.node("Mul", [whole, other])]);
  },
};

const clamp = rule([0], (call, graph) => {
  const { dtype } = call.output;
  const bound = (k: number) => (call.argument(k) === undefined ? "" : graph.sizeScalar(call.size(k), dtype));
  return graph.node("Clip", [graph.as(call.tensor(0), dtype), bound(1), bound(2)]);
});

/** x · Φ(x), or its approximation by a tangent. Hendrycks, Gimpel: Gaussian Error Linear Units, 2016. */
const gelu = rule([0], (call, graph) => {
  const { dtype } = call.output;
  const x = graph.name(call.tensor(0));
  const scalar = (value: number) => graph.scalar(value, dtype);
  const inner =
    call.setting(1) === "tanh"
      ? graph.node("Tanh", [graph.node("Mul", [cubic(graph, x, scalar), scalar(Math.sqrt(2 / Math.PI))])])
      : graph.node("Erf", [graph.node("Mul", [x, scalar(Math.SQRT1_2)])]);
  const both = graph.node("Mul", [x, graph.node("Add", [inner, scalar(1)])]);
  return graph.node("Mul", [both, scalar(0.5)]);
});

function cubic(graph: GraphWriter, x: string, scalar: (value: number) => string): string {
  const cube = graph.node("Mul", [graph.node("Mul", [x, x]), x]);
  return graph.node("Add", [x, graph.node("Mul", [cube, scalar(0.044715)])]);
}

const lerp = rule([0, 1], (call, graph) => {
  const [x, end] = [graph.name(call.tensor(0)), graph.name(call.tensor(1))];
  const step = graph.node("Mul", [
    graph.node("Sub", [end, x]),
    graph.scalar(call.number(2), call.output.dtype),
  ]);
  return graph.node("Add", [x, step]);
});

const isfinite = rule([0], (call, graph) => {
  const x = graph.name(call.tensor(0));
  return graph.node("Not", [graph.node("Or", [graph.node("IsNaN", [x]), graph.node("IsInf", [x])])]);
});

const maskedFill = rule([0, 1], (call, graph) => {
  const value = graph.scalar(call.number(2), call.output.dtype);
  return graph.node("Where", [graph.name(call.tensor(1)), value, graph.name(call.tensor(0))]);
});

const where = rule([0, 1, 2], (call, graph) => {
  const { dtype } = call.output;
  const condition = graph.name(call.tensor(0));
  return graph.node("Where", [condition, graph.as(call.tensor(1), dtype), graph.as(call.tensor(2), dtype)]);
});

const extreme = (type: string): Rule =>
  rule([0, 1], (call, graph) =>
    graph.node(
      type,
      call.inputs.map((one) => graph.as(one, call.output.dtype)),
    ),
  );

const toDtype = rule([0], (call, graph) => cast(graph, call.tensor(0), call.output.dtype));
const cast = (graph: GraphWriter, x: SizedTensor, dtype: DType): string => graph.as(x, dtype);

/** Dropout, which must be off. */
const dropout = rule([0], (call, graph) => {
  if (call.setting(2) === true && call.number(1) > 0)
    call.refuse("is on; put the module into evaluation mode first");
  return graph.name(call.tensor(0));
});

/** Loss of each value: max(x, 0) - x · target + log(1 + e^-|x|). */
const binaryCrossEntropy = rule([0, 1, 2, 3], (call, graph) => {
  if (call.optional(2) !== null || call.optional(3) !== null || call.setting(4) !== "none")
    call.refuse("is written without weights and without a reduction only");
  const [x, target] = [graph.name(call.tensor(0)), graph.name(call.tensor(1))];
  const linear = graph.node("Sub", [graph.node("Relu", [x]), graph.node("Mul", [x, target])]);
  const rest = graph.node("Softplus", [graph.node("Neg", [graph.node("Abs", [x])])]);
  return graph.node("Add", [linear, rest]);
});

export const elementwiseRules: Rules = {
  add: binary(node("Add")),
  sub: binary(node("Sub")),
  mul: binary(node("Mul")),
  div: binary(node("Div")),
  pow: binary(node("Pow")),
  remainder,
  eq: comparison(node("Equal")),
  ne: comparison((graph, x, other) => graph.node("Not", [graph.node("Equal", [x, other])])),
  lt: comparison(node("Less")),
  le: comparison(node("LessOrEqual")),
  gt: comparison(node("Greater")),
  ge: comparison(node("GreaterOrEqual")),
  maximum: extreme("Max"),
  minimum: extreme("Min"),
  neg: unary("Neg"),
  abs: unary("Abs"),
  exp: unary("Exp"),
  log: unary("Log"),
  sqrt: unary("Sqrt"),
  reciprocal: unary("Reciprocal"),
  floor: unary("Floor"),
  ceil: unary("Ceil"),
  round: unary("Round"),
  sign: unary("Sign"),
  sin: unary("Sin"),
  cos: unary("Cos"),
  erf: unary("Erf"),
  relu: unary("Relu"),
  sigmoid: unary("Sigmoid"),
  tanh: unary("Tanh"),
  softplus: unary("Softplus"),
  isnan: unary("IsNaN"),
  logicalNot: unary("Not"),
  isfinite,
  logicalAnd: rule([0, 1], (call, graph) =>
    graph.node(
      "And",
      call.inputs.map((one) => graph.as(one, "bool")),
    ),
  ),
  logicalOr: rule([0, 1], (call, graph) =>
    graph.node(
      "Or",
      call.inputs.map((one) => graph.as(one, "bool")),
    ),
  ),
  rsqrt: rule([0], (call, graph) =>
    graph.node("Reciprocal", [graph.node("Sqrt", [graph.name(call.tensor(0))])]),
  ),
  square: rule([0], (call, graph) =>
    graph.node("Mul", [graph.name(call.tensor(0)), graph.name(call.tensor(0))]),
  ),
  silu: rule([0], (call, graph) => {
    const x = graph.name(call.tensor(0));
    return graph.node("Mul", [x, graph.node("Sigmoid", [x])]);
  }),
  leakyRelu: rule([0], (call, graph) =>
    graph.node("LeakyRelu", [graph.name(call.tensor(0))], { alpha: { float: call.number(1) } }),
  ),
  softmax: rule([0], (call, graph) =>
    graph.node("Softmax", [graph.name(call.tensor(0))], { axis: call.number(1) }),
  ),
  logSoftmax: rule([0], (call, graph) =>
    graph.node("LogSoftmax", [graph.name(call.tensor(0))], { axis: call.number(1) }),
  ),
  gelu,
  lerp,
  clamp,
  maskedFill,
  where,
  toDtype,
  dropout,
  featureDropout: dropout,
  binaryCrossEntropyWithLogits: binaryCrossEntropy,
  alias: same,
  detach: same,
  clone: same,
  contiguous: same,
  toMemoryFormat: same,
  toDevice: same,
};
