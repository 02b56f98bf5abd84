/** Shape traces against the engine itself: shapes, strides, bytes, products. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import {
  ArgumentError,
  cat,
  functional as F,
  liveBytes,
  liveTensors,
  ones,
  scope,
  stack,
  tensor,
  TensorDisposedError,
  where,
  zeros,
  type DType,
  type Tensor,
} from "../../src/index.js";
import { GRU, Linear } from "../../src/nn/index.js";
import { traceProducts, traceShapes } from "../../src/trace.js";
import { layerTable, type LayerCase } from "../nn/layer-table.js";
import { leakTest, loadFixture } from "../support.js";

interface Facts {
  outputs: { shape: number[]; stride: number[]; dtype: DType }[];
  /** What is alive after the call that was not before. */
  bytes: number;
}

/** The facts of what `body` returns, measured while all that it made is alive. */
function facts(body: () => Tensor | Tensor[]): Facts {
  return scope(() => {
    const before = liveBytes();
    const outputs = [body()].flat();
    const bytes = liveBytes() - before;
    return { bytes, outputs: outputs.map(({ shape, stride, dtype }) => ({ shape, stride, dtype })) };
  });
}

/** Real and traced facts, and products, of the same calls. */
function expectSame(body: () => Tensor | Tensor[], what: string): void {
  const real = traceProducts(() => facts(body));
  const traced = traceShapes(() => facts(body));
  assert.deepEqual(traced.result, real.result, what);
  assert.deepEqual(traced.products, real.products, what);
}

const x = () => zeros([2, 3, 4, 6]);
const calls: Record<string, () => Tensor | Tensor[]> = {
  "reshape of what lies in order": () => x().reshape(6, -1),
  "reshape of what is turned: a copy": () => x().permute(0, 2, 3, 1).reshape(2, -1),
  "reshape of what is turned, where a view will do": () => x().permute(0, 2, 3, 1).reshape(2, 4, 2, 3, 3, 1),
  "reshape of a narrow part": () => x().narrow(3, 1, 2).reshape(2, 3, 4, 2, 1),
  "flatten of a narrow part: a copy": () => x().narrow(3, 1, 2).flatten(1),
  "flatten of outer dimensions of a narrow part": () => x().narrow(3, 1, 2).flatten(0, 2),
  "transpose, squeeze, unsqueeze, select": () => x().transpose(1, -1).unsqueeze(-1).select(0, 1).squeeze(),
  "expand and repeat": () => [zeros([3, 1]).expand(2, -1, 4), zeros([3, 1]).repeat(2, 1, 5)],
  "expand made contiguous": () => zeros([3, 1]).expand(2, -1, 4).contiguous(),
  "split, chunk and unbind": () => [...x().split(4, 3), ...x().chunk(3, 2), ...x().unbind(1)],
  "slices with a step": () => [x().slice(3, 1, undefined, 2), x().slice(2, -3, -1)],
  "cat, stack, pad": () => [cat([x(), x()], -1), stack([x(), x()], 1), x().pad([1, 2, 0, 1])],
  "values of turned tensors keep their layout": () => {
    const turned = x().permute(0, 2, 3, 1);
    return [turned.relu(), turned.mul(2), turned.add(zeros([3])), turned.softmax(-1)];
  },
  "broadcasting and promotion": () => {
    const whole = zeros([6], { dtype: "int64" });
    return [x().add(zeros([4, 1])), whole.div(2), whole.add(x()), whole.mul(2), whole.eq(3), whole.add(1.5)];
  },
  reductions: () => [
    x().sum([2, 3]),
    x().mean(1, true),
    x().amax(),
    x().logsumexp(0),
    ones([3], { dtype: "bool" }).sum(),
  ],
  selections: () => {
    const { values, indices } = x().topk(2, 1);
    return [values, indices, x().sort(3).indices, x().gather(1, indices), x().argmax(1), x().max(2).values];
  },
  masks: () => {
    const mask = ones([2, 1, 4, 1], { dtype: "bool" });
    return [
      x().maskedFill(mask, 0),
      where(mask, x(), zeros([1])),
      mask.logicalNot(),
      zeros([2, 5]).maskedFill(ones([2, 1], { dtype: "bool" }), 1),
    ];
  },
  "dropout: on, off, and of nothing": () => [
    F.dropout(x(), 0.5),
    F.dropout(x(), 0.5, false),
    F.featureDropout(x(), 0),
  ],
  casts: () => [x().to({ dtype: "float64" }), x().to({ dtype: "float32" }), x().to({ dtype: "bfloat16" })],
  matmul: () => [
    zeros([2, 1, 3, 4]).matmul(zeros([5, 4, 6])),
    zeros([3, 4]).matmul(zeros([4])),
    zeros([2, 3, 4]).bmm(zeros([2, 4, 1])),
  ],
  losses: () => {
    const target = zeros([2], { dtype: "int64" });
    const logits = zeros([2, 3]);
    return [F.crossEntropy(logits, target), F.crossEntropy(logits, target, { reduction: "none" })];
  },
};

for (const [name, body] of Object.entries(calls))
  leakTest(`${name}: a trace has the engine's shapes, strides and bytes`, () => expectSame(body, name));

const padding = () => zeros([2, 4], { dtype: "bool" });
const table = layerTable(padding);
const cases = loadFixture<LayerCase[]>("nn/layers");

leakTest("every layer: a trace has the engine's shapes, strides, bytes and products", () => {
  // Batch norm without a momentum counts its batches, which is a value.
  const traceable = cases.filter(({ name }) => name !== "BatchNorm2d without momentum, train");
  for (const { name, train, inputs } of traceable) {
    const make = table[name.replace(/, (train|eval)$/, "")];
    assert.ok(make !== undefined, name);
    const body = () => {
      const layer = make();
      layer.module.train(train);
      try {
        return layer.forward(
          inputs.map(({ shape, dtype }) => zeros(shape, { dtype: dtype === "int64" ? dtype : "float32" })),
        );
      } finally {
        layer.module.dispose();
      }
    };
    expectSame(body, name);
  }
});

leakTest("multiply-adds by hand: linear, convolution, product, GRU", () => {
  const { products } = traceShapes(() => {
    using linear = new Linear(5, 7);
    linear.forward(zeros([2, 3, 5]));
    // 4 x 4 x 2 windows of 3 x 3 x 3 voxels over 2 channels, 3 outputs, batch of 1
    F.conv3d(zeros([1, 2, 4, 4, 2]), zeros([3, 2, 3, 3, 3]), null, { padding: 1 });
    F.conv2d(zeros([1, 4, 8, 8]), zeros([6, 2, 3, 3]), null, { groups: 2, stride: 2, padding: 1 });
    zeros([2, 3, 4]).matmul(zeros([4, 5]));
    using gru = new GRU(3, 2, { layers: 2, bidirectional: true });
    gru.forward(zeros([1, 4, 3]));
  });
  assert.deepEqual(
    products.map(({ op, multiplyAdds }) => [op, multiplyAdds]),
    [
      ["linear", 2 * 3 * 5 * 7],
      ["conv3d", 4 * 4 * 2 * 3 * (2 * 27)],
      ["conv2d", 4 * 4 * 6 * (2 * 9)],
      ["matmul", 2 * 3 * 4 * 5],
      ["gru", 4 * 2 * 3 * 2 * (3 + 2)],
      ["gru", 4 * 2 * 3 * 2 * (4 + 2)],
    ],
  );
});

leakTest("peakBytes is the most that was alive at once", () => {
  const { peakBytes } = traceShapes(() => {
    scope(() => void zeros([1000]));
    scope(() => void [zeros([500]), zeros([600])]);
    zeros([10]);
  });
  assert.equal(peakBytes, 1100 * 4);
});

leakTest("a trace may be larger than any memory, and leaves nothing behind", () => {
  const { result, peakBytes } = traceShapes(() => zeros([1e6, 1e6]).matmul(zeros([1e6, 1e6])).shape);
  assert.deepEqual(result, [1e6, 1e6]);
  assert.equal(peakBytes, 3 * 4e12);
  assert.deepEqual(
    scope(() => tensor([1, 2]).toArray()),
    [1, 2],
  );
});

leakTest("values, tensors from outside, tensors taken out, and ops without a rule are refused", () => {
  const outside = tensor([1, 2]);
  assert.throws(() => traceShapes(() => zeros([2]).toArray()), {
    name: "ArgumentError",
    message: /no values/,
  });
  assert.throws(() => traceShapes(() => outside.add(1)), {
    name: "ArgumentError",
    message: /created within the trace/,
  });
  assert.throws(() => traceShapes(() => zeros([3]).cumsum(0).tril()), /tril: has no shape rule/);
  assert.throws(() => traceShapes(() => zeros([2, 3]).matmul(zeros([2, 3]))), ArgumentError);
  assert.throws(
    () => traceShapes(() => scope(() => void 0) ?? F.conv2d(zeros([1, 3, 8, 8]), zeros([1, 4, 3, 3]))),
    /4 channels/,
  );
  assert.throws(() => traceShapes(async () => Promise.resolve(1)), /Promise/);
  assert.throws(() => traceProducts(async () => Promise.resolve(1)), /Promise/);
  const { result } = traceShapes(() => zeros([2]));
  assert.throws(() => result.add(1));
  traceShapes(() => {
    const gone = zeros([2]);
    gone.dispose();
    assert.throws(() => gone.shape, TensorDisposedError);
  });
  // The addon is back, whatever was thrown inside.
  assert.deepEqual(
    scope(() => outside.add(1).toArray()),
    [2, 3],
  );
  outside.dispose();
});

leakTest("a trace within a scope and a scope within a trace end in their order", () => {
  const before = liveTensors();
  scope(() => {
    const real = zeros([3]);
    const { result } = traceShapes(() => scope(() => zeros([4])).shape);
    assert.deepEqual(result, [4]);
    assert.deepEqual(real.shape, [3]);
  });
  assert.equal(liveTensors(), before);
});

test("a trace needs no libtorch", () => {
  const source = `
    import { zeros } from "@slicestack/torch";
    import { Linear } from "@slicestack/torch/nn";
    import { traceShapes } from "@slicestack/torch/trace";
    const { result } = traceShapes(() => new Linear(3, 4).forward(zeros([2, 3])).shape);
    globalThis.gc(); // finalizers of what was not disposed must not ask for the addon
    setTimeout(() => console.log(result.join()), 50);`;
  const args = ["--expose-gc", "--input-type=module", "-e", source];
  const env = { ...process.env, SLICESTACK_TORCH_BUILD: "/nowhere", LIBTORCH: "/nowhere" };
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
  assert.deepEqual([status, stdout, stderr], [0, "2,4\n", ""]);
});
