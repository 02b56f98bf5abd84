/** Each op as nodes of ONNX: onnxruntime gives what the engine gives, at sizes that were not recorded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  arange,
  cat,
  fromTypedArray,
  full,
  functional as F,
  manualSeed,
  ones,
  rand,
  randn,
  stack,
  where,
  zeros,
  type DType,
  type Tensor,
} from "../../src/index.js";
import { onnxModel, recordProgram, supportedOps, type ProgramInput } from "../../src/onnx.js";
import { expectClose } from "../support.js";
import { Runtime } from "./runtime.js";

type Body = (x: Tensor, y: Tensor) => Tensor | Tensor[];

interface OpCase {
  /** Ops that it is a test of. */
  ops: string;
  body: Body;
  /** Of x and y; B and S may be any. Default B, S, 6 each. */
  x?: (number | string)[];
  y?: (number | string)[];
  dtypes?: [DType, DType];
  tolerance?: number;
}

const grouped = (x: Tensor) => x.reshape(x.size(0) * x.size(1), 2, 3);
const parameters = new Map<string, Tensor>();
/** A parameter that the graph knows by name. */
function parameter(name: string, shape: number[]): Tensor {
  const known = parameters.get(name);
  if (known !== undefined) return known;
  const made = rand(shape).sub(0.5).keep();
  parameters.set(name, made);
  return made;
}
const image = ["B", 4, 12, 10];
const volume = ["B", 2, 8, 6, 10];

const cases: OpCase[] = [
  { ops: "add sub mul div", body: (x, y) => x.add(y).sub(0.5).mul(y).div(x.add(3)).add(y.size(1)) },
  { ops: "add", body: (x, y) => x.mul(2).add(y), dtypes: ["int64", "bool"] },
  { ops: "div", body: (x, y) => x.div(y.add(1)), dtypes: ["int64", "int64"] },
  { ops: "pow remainder", body: (x, y) => x.abs().add(1).pow(y).remainder(0.7) },
  { ops: "remainder", body: (x) => x.sub(5).remainder(3), dtypes: ["int64", "int64"] },
  { ops: "eq ne lt", body: (x, y) => [x.eq(y), x.ne(1), x.lt(0.5)], dtypes: ["int64", "bool"] },
  { ops: "le gt ge", body: (x, y) => [x.le(y), x.gt(0), x.ge(y)] },
  {
    ops: "maximum minimum clamp",
    body: (x, y) => [x.maximum(y).minimum(y.mul(2)).clamp(-0.5), x.clamp(-1, 0.5)],
  },
  { ops: "clamp", body: (x) => x.clamp(0, x.size(1) - 1), dtypes: ["int64", "int64"] },
  { ops: "neg abs exp log", body: (x) => x.neg().abs().add(0.1).log().exp() },
  { ops: "sqrt rsqrt square reciprocal", body: (x) => x.square().add(1).sqrt().rsqrt().reciprocal() },
  {
    ops: "floor ceil round sign",
    body: (x) => [x.mul(3).floor(), x.mul(3).ceil(), x.mul(3).round(), x.sign()],
  },
  {
    ops: "sin cos erf tanh sigmoid relu",
    body: (x) => x.sin().add(x.cos()).erf().tanh().sigmoid().sub(0.5).relu(),
  },
  { ops: "gelu", body: (x) => [x.gelu(), x.gelu("tanh")] },
  { ops: "silu softplus leakyRelu", body: (x) => [F.silu(x), F.softplus(x.mul(5)), F.leakyRelu(x, 0.2)] },
  { ops: "softmax logSoftmax", body: (x) => [x.softmax(1), x.logSoftmax(-1)] },
  { ops: "lerp", body: (x, y) => x.lerp(y, 0.3) },
  { ops: "isnan isfinite", body: (x) => [x.log().isnan(), x.div(x.relu()).isfinite()] },
  {
    ops: "logicalNot logicalAnd logicalOr",
    body: (x, y) => x.logicalNot().logicalAnd(y).logicalOr(x),
    dtypes: ["bool", "bool"],
  },
  { ops: "maskedFill where", body: (x, y) => where(y.gt(0), x.maskedFill(y.lt(-0.5), -Infinity), y) },
  {
    ops: "toDtype",
    body: (x) => x.mul(9).to({ dtype: "int32" }).to({ dtype: "float64" }).to({ dtype: "float32" }),
  },
  {
    ops: "alias detach clone contiguous toMemoryFormat toDevice",
    body: (x) =>
      x
        .alias()
        .detach()
        .clone()
        .transpose(0, 1)
        .contiguous()
        .to({ device: "cpu", memoryFormat: "contiguous" }),
  },
  { ops: "dropout featureDropout", body: (x) => F.featureDropout(F.dropout(x, 0.5, false), 0.5, false) },
  {
    ops: "binaryCrossEntropyWithLogits",
    body: (x, y) =>
      F.binaryCrossEntropyWithLogits(x.mul(20), y.gt(0).to({ dtype: "float32" }), { reduction: "none" }),
  },
  {
    ops: "view reshape flatten",
    body: (x) => [x.view(-1, 3), grouped(x).flatten(1).reshape(x.size(0), x.size(1), 6), x.flatten()],
  },
  { ops: "permute transpose", body: (x) => x.permute(-1, 0, 1).transpose(0, -1) },
  {
    ops: "squeeze unsqueeze",
    body: (x) => [x.unsqueeze(-1).squeeze(-1).squeeze(2), x.unsqueeze(0).unsqueeze(3).squeeze(0)],
  },
  {
    ops: "expand repeat",
    body: (x) => [x.unsqueeze(1).expand(-1, 3, -1, -1), x.repeat(2, 1, 3), x.repeat(2, 1, 1, 1)],
  },
  { ops: "cat stack", body: (x, y) => [cat([x, y, x], 1), stack([x, y], -1)] },
  {
    ops: "split chunk unbind",
    body: (x) => [...x.split(4, 2), ...x.chunk(3, -1), ...x.unbind(2).slice(4), ...x.split(64, 1)],
  },
  { ops: "flip", body: (x) => x.flip(1, 2) },
  {
    ops: "pad",
    body: (x) => [
      x.pad([1, 2, 0, 1]),
      x.pad([1, 1], "constant", -7),
      x.pad([2, 1], "replicate"),
      x.pad([2, 1], "reflect"),
    ],
  },
  { ops: "tril triu", body: (x) => x.tril(1).add(x.triu(-1)) },
  {
    ops: "narrow slice select",
    body: (x) => [
      x.narrow(2, 1, 3),
      x.slice(1, 0, undefined, 2),
      x.slice(2, 1, -1),
      x.select(1, 0),
      x.select(2, -1),
    ],
  },
  { ops: "narrow", body: (x) => cat([x, x, x], 1).narrow(1, 1, x.size(1)) },
  {
    ops: "indexSelect arange",
    body: (x) =>
      x.indexSelect(
        1,
        arange(0, x.size(1), 1, { dtype: "int64" })
          .add(1)
          .clamp(0, x.size(1) - 1),
      ),
  },
  { ops: "gather sort", body: (x, y) => x.gather(1, y.sort(1, true).indices) },
  { ops: "scatterAdd", body: (x, y) => zeros(x.shape).scatterAdd(1, y.sort(1).indices, x) },
  { ops: "topk", body: (x) => [x.topk(Math.min(8, x.size(1)), 1).values, x.topk(2, -1, false).indices] },
  {
    ops: "oneHot embedding",
    body: (x) => F.embedding(x.remainder(4), parameter("table", [4, 5])).add(F.oneHot(x.remainder(5), 5)),
    dtypes: ["int64", "int64"],
  },
  {
    ops: "sum mean prod logsumexp",
    body: (x) => [x.sum(), x.sum(1, true), x.mean([0, -1]), x.prod(2), x.logsumexp(1)],
  },
  { ops: "sum", body: (x) => x.sum(1), dtypes: ["bool", "bool"] },
  {
    ops: "amax amin max min argmax argmin",
    body: (x) => [
      x.amax(1),
      x.amin([1, 2], true),
      x.max(),
      x.max(2).indices,
      x.min(1).values,
      x.argmax(),
      x.argmin(2, true),
    ],
  },
  { ops: "any all", body: (x) => [x.any(1), x.all(), x.all(2, true)], dtypes: ["bool", "bool"] },
  {
    ops: "variance std norm cumsum",
    body: (x) => [x.var(2), x.std([1, 2], { correction: 0 }), x.norm(2, 1), x.norm(1), x.cumsum(1)],
  },
  {
    ops: "linear",
    body: (x) => [
      F.linear(x, parameter("weight", [3, 6])),
      F.linear(x.select(1, 0), parameter("weight", [3, 6]), parameter("bias", [3])),
    ],
  },
  { ops: "matmul bmm", body: (x, y) => [x.matmul(y.transpose(1, 2)), x.bmm(y.transpose(1, 2))] },
  {
    ops: "conv1d",
    body: (x) =>
      F.conv1d(x.transpose(1, 2), parameter("kernel1", [4, 3, 3]), null, { padding: 1, groups: 2 }),
  },
  {
    ops: "conv2d batchNorm maxPool2d",
    x: image,
    body: (x) =>
      F.maxPool2d(
        F.batchNorm(
          F.conv2d(x, parameter("kernel2", [5, 4, 3, 3]), parameter("bias2", [5]), {
            stride: 2,
            padding: [1, 0],
            dilation: [1, 2],
          }),
          {
            runningMean: parameter("mean", [5]),
            runningVar: parameter("variance", [5]).abs().add(0.5),
            weight: parameter("scale", [5]),
          },
        ),
        2,
        { stride: 1, padding: 1 },
      ),
  },
  {
    ops: "conv3d maxPool3d",
    x: volume,
    body: (x) =>
      F.maxPool3d(F.conv3d(x, parameter("kernel3", [3, 2, 3, 1, 3]), null, { padding: [1, 0, 1] }), 2),
  },
  { ops: "maxPool1d", body: (x) => F.maxPool1d(x, 3, { stride: 1, padding: 1 }) },
  {
    ops: "layerNorm groupNorm",
    x: image,
    body: (x) => [
      F.layerNorm(x, [12, 10], parameter("w", [12, 10])),
      F.layerNorm(x, [10]),
      F.groupNorm(x, 2, parameter("g", [4]), parameter("h", [4]), 1e-3),
    ],
  },
  {
    ops: "avgPool2d adaptiveAvgPool2d adaptiveMaxPool2d",
    x: image,
    body: (x) => [
      F.avgPool2d(x, 3, { padding: 1 }),
      F.avgPool2d(x, 3, { padding: 1, countIncludePad: false }),
      F.adaptiveAvgPool2d(x, 1),
      F.adaptiveMaxPool2d(x, [4, 5]),
    ],
  },
  {
    ops: "avgPool3d adaptiveAvgPool3d adaptiveMaxPool3d",
    x: volume,
    body: (x) => [F.avgPool3d(x, 2), F.adaptiveAvgPool3d(x, [4, 3, 5]), F.adaptiveMaxPool3d(x, 1)],
  },
  {
    ops: "interpolate",
    x: image,
    body: (x) => [
      F.interpolate(x, [6, 7], { mode: "bilinear" }),
      F.interpolate(x, [24, 30]),
      F.interpolate(x, [15, 15], { mode: "bilinear", alignCorners: true }),
      F.interpolate(x, [15, 8], { mode: "bicubic" }),
    ],
  },
  {
    ops: "interpolate",
    x: image,
    body: (x) => [
      F.interpolate(x, [6, 7], { mode: "bilinear", antialias: true }),
      F.interpolate(x, [5, 23], { mode: "bilinear", antialias: true }),
    ],
  },
  {
    ops: "interpolate",
    x: ["B", 1, "S", 10],
    body: (x) => [
      F.interpolate(x, [16, 4], { mode: "bilinear", antialias: true }),
      F.interpolate(x, [3, 10], { mode: "bilinear", antialias: true }),
    ],
  },
  { ops: "interpolate", x: volume, body: (x) => F.interpolate(x, [4, 9, 7], { mode: "trilinear" }) },
  {
    ops: "gru",
    body: (x) => {
      const cells = ["", "r"].flatMap((side) =>
        [
          ["ih", [12, 6]],
          ["hh", [12, 4]],
          ["bi", [12]],
          ["bh", [12]],
        ].map(([name, shape]) => parameter(`${name as string}${side}`, shape as number[])),
      );
      const two = F.gru(x, zeros([2, x.size(0), 4]), cells, {
        layers: 1,
        training: false,
        bidirectional: true,
      });
      const one = F.gru(x, ones([1, x.size(0), 4]), cells.slice(0, 4), {
        layers: 1,
        training: false,
        bidirectional: false,
      });
      return [two.output, two.hidden, one.output, one.hidden];
    },
  },
  {
    ops: "scaledDotProductAttention",
    x: ["B", 2, "S", 8],
    y: ["B", 2, "S", 8],
    body: (x, y) => [
      F.scaledDotProductAttention(x, y, x),
      F.scaledDotProductAttention(x, y, x, { mask: x.select(3, 0).gt(-9).unsqueeze(2) }),
    ],
  },
  {
    ops: "zeros ones full arange fromTypedArray",
    body: (x) => [
      zeros([x.size(0), 2]).add(ones([2])),
      full([x.size(1)], 4, { dtype: "int64" }),
      arange(0, x.size(1), 0.5, { dtype: "float64" }).sin(),
      fromTypedArray(Float32Array.of(1, 2, 3)).mul(x.size(0)),
    ],
  },
];

const of = (
  name: string,
  shape: (number | string)[] = ["B", "S", 6],
  dtype: DType = "float32",
): ProgramInput => ({
  name,
  shape,
  dtype,
});

function valuesOf({ shape, dtype }: ProgramInput, sizes: Record<string, number>): Tensor {
  const wanted = shape.map((size) => (typeof size === "number" ? size : sizes[size]!));
  if (dtype === "bool") return randn(wanted).gt(0);
  return dtype === "float32" ? randn(wanted) : randn(wanted).mul(5).abs().to({ dtype });
}

const floats: [DType, DType] = ["float32", "float32"];

for (const { ops, body, x, y, dtypes = floats, tolerance = 2e-5 } of cases)
  test(`${ops}: as the engine computes them`, async () => {
    manualSeed(4);
    const inputs = [of("x", x, dtypes[0]), of("y", y ?? x, dtypes[1])];
    // Parameters are made where they are first asked for, which must be before the recording.
    body(valuesOf(inputs[0]!, { B: 2, S: 3 }), valuesOf(inputs[1]!, { B: 2, S: 3 }));
    const named = (found: Tensor | Tensor[]) =>
      Object.fromEntries([found].flat().map((tensor, k) => [`out${k}`, tensor]));
    const program = recordProgram({
      inputs,
      parameters,
      run: (given) => named(body(given["x"]!, given["y"]!)),
    });
    const outputs = [...program.outputs.keys()].map((name) => ({ name }));
    await using runtime = await Runtime.open(onnxModel([program], { name: "op", outputs }).parts);
    for (const sizes of [
      { B: 1, S: 12 },
      { B: 4, S: 5 },
      { B: 3, S: 40 },
    ]) {
      const given = { x: valuesOf(inputs[0]!, sizes), y: valuesOf(inputs[1]!, sizes) };
      const wanted = named(body(given.x, given.y));
      const used = Object.fromEntries(
        Object.entries(given).filter(([name]) => runtime.inputNames.includes(name)),
      );
      const found = await runtime.run(used);
      for (const [name, tensor] of Object.entries(wanted)) {
        assert.equal(found[name]!.dtype, tensor.dtype, `${name}: dtype`);
        expectClose(found[name]!, tensor, tolerance, `${name} at ${JSON.stringify(sizes)}`);
      }
    }
  });

test("every rule is tested here", () => {
  const tested = new Set(cases.flatMap(({ ops }) => ops.split(" ")));
  assert.deepEqual(
    supportedOps.filter((op) => !tested.has(op)),
    [],
  );
});
