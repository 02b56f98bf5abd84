/**
 * Convolutions by tiles beside libtorch's own, both against float64 over the same bfloat16 values. On a processor without AMX
 * the same tests run the plain kernels.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { conv2d, conv3d } from "../../src/functional.js";
import * as torch from "../../src/index.js";
import {
  ArgumentError,
  autocast,
  manualSeed,
  randn,
  setConvolutionKernels,
  TorchError,
  type ConvolutionKernels,
  type DType,
  type Tensor,
} from "../../src/index.js";
import { scopedTest } from "../support.js";

interface Case {
  x: number[];
  weight: number[];
  stride?: number[];
  padding?: number[];
  dilation?: number[];
  groups?: number;
  bias?: boolean;
}
/** x_NC... and weight_OI...: forward and gradient of the input by tiles need channels in thirty-twos, that of the weight does not. */
const cases: Case[] = [
  { x: [2, 32, 8, 8], weight: [32, 32, 3, 3], padding: [1, 1], bias: true },
  { x: [1, 64, 7, 9], weight: [96, 64, 3, 3], stride: [2, 2], padding: [1, 1] },
  { x: [3, 32, 5, 17], weight: [64, 32, 1, 1] },
  { x: [2, 96, 6, 6], weight: [32, 96, 1, 1], stride: [2, 2], bias: true },
  { x: [2, 32, 16, 16], weight: [32, 32, 5, 3], stride: [1, 2], padding: [2, 0] },
  { x: [1, 32, 13, 11], weight: [32, 32, 3, 3], padding: [2, 2], dilation: [2, 2] },
  { x: [1, 32, 13, 11], weight: [32, 32, 3, 3], stride: [2, 2], padding: [2, 1], dilation: [2, 1] },
  { x: [1, 32, 6, 6], weight: [32, 32, 2, 2], stride: [3, 3] },
  { x: [1, 32, 6, 6], weight: [32, 32, 1, 1], stride: [3, 2], padding: [1, 1] },
  { x: [1, 32, 4, 4], weight: [32, 32, 4, 4] },
  { x: [2, 3, 15, 16], weight: [64, 3, 7, 7], stride: [2, 2], padding: [3, 3] },
  { x: [2, 5, 9, 8], weight: [7, 5, 3, 3], padding: [1, 1], bias: true },
  { x: [1, 48, 6, 7], weight: [33, 48, 3, 3], padding: [1, 1] },
  { x: [20, 32, 12, 12], weight: [32, 32, 3, 3], padding: [1, 1] },
  { x: [2, 256, 4, 4], weight: [288, 256, 3, 3], padding: [1, 1] },
  { x: [1, 32, 5, 6, 7], weight: [32, 32, 3, 3, 3], padding: [1, 1, 1], bias: true },
  { x: [2, 32, 5, 6, 7], weight: [64, 32, 3, 2, 1], stride: [2, 1, 2], padding: [1, 0, 0] },
  { x: [1, 1, 6, 6, 6], weight: [32, 1, 3, 3, 3], padding: [1, 1, 1] },
];
const text = ({ x, weight, ...rest }: Case) => `[${x.join()}] x [${weight.join()}] ${JSON.stringify(rest)}`;

const withKernels = <T>(kernels: ConvolutionKernels, body: () => T): T => {
  const before = setConvolutionKernels(kernels);
  try {
    return body();
  } finally {
    setConvolutionKernels(before);
  }
};
const lastOf = (t: Tensor) => (t.dim === 5 ? "channels_last_3d" : "channels_last");

interface Values {
  x: Tensor;
  weight: Tensor;
  bias: Tensor | null;
  dy: Tensor | null;
}
/** Values that bfloat16 holds, in float32. */
function valuesOf(c: Case): Values {
  const exact = (shape: number[], scale = 1) =>
    randn(shape).mul(scale).to({ dtype: "bfloat16" }).to({ dtype: "float32" });
  const taps = c.weight.slice(1).reduce((a, b) => a * b, 1);
  const outputs = c.weight[0] ?? 0;
  return {
    x: exact(c.x),
    weight: exact(c.weight, taps ** -0.5),
    bias: c.bias ? exact([outputs]) : null,
    dy: null,
  };
}

type Layout = "contiguous" | "last";
interface Results {
  y: Tensor;
  dx: Tensor;
  dweight: Tensor;
  dbias: Tensor | null;
}
/** One forward and backward pass. `dtype` is that of x and weight; `cast`: under autocast. */
function pass(c: Case, values: Values, dtype: DType, cast: boolean, layout: Layout = "last"): Results {
  const leaf = (t: Tensor, format: Layout) =>
    t
      .to({ dtype, memoryFormat: format === "last" && t.dim > 3 ? lastOf(t) : "contiguous" })
      .clone()
      .requiresGrad_();
  const [x, weight] = [leaf(values.x, layout), leaf(values.weight, layout)];
  const bias = values.bias === null ? null : leaf(values.bias, "contiguous");
  const options = {
    stride: c.stride ?? 1,
    padding: c.padding ?? 0,
    dilation: c.dilation ?? 1,
    groups: c.groups ?? 1,
  };
  const y = autocast({ enabled: cast }, () => (x.dim === 5 ? conv3d : conv2d)(x, weight, bias, options));
  values.dy ??= randn(y.shape).to({ dtype: "bfloat16" }).to({ dtype: "float32" });
  y.backward({ gradient: values.dy.to({ dtype: y.dtype, memoryFormat: "contiguous" }) });
  const gradient = (t: Tensor): Tensor => {
    assert.ok(t.grad !== null);
    return t.grad;
  };
  return { y, dx: gradient(x), dweight: gradient(weight), dbias: bias === null ? null : gradient(bias) };
}
const parts = ["y", "dx", "dweight", "dbias"] as const;

const same = (a: Tensor, b: Tensor) =>
  a
    .to({ dtype: "float32" })
    .sub(b.to({ dtype: "float32" }))
    .abs()
    .max()
    .item() === 0;
/** dtype, shape, and strides where they mean something. */
const factsOf = ({ dtype, shape, stride }: Tensor) => [dtype, shape, stride.filter((_, k) => shape[k] !== 1)];
/** |a - b| / |b|, in the 2-norm. */
function distance(a: Tensor, b: Tensor): number {
  const [wide, reference] = [a.to({ dtype: "float64" }), b.to({ dtype: "float64" })];
  const norm = (t: Tensor) => Math.sqrt(t.mul(t).sum().item());
  return norm(wide.sub(reference)) / norm(reference);
}

for (const cast of [true, false]) {
  const how = cast ? "float32 under autocast" : "bfloat16 tensors";
  scopedTest(`by tiles, ${how}: as near to float64 as libtorch's own, in the same dtypes and layouts`, () => {
    // Most results are the same to the bit; some are not, by which we know that these were tiles.
    const different = { y: 0, dx: 0, dweight: 0, dbias: 0 };
    for (const c of cases) {
      manualSeed(3);
      const values = valuesOf(c);
      const dtype = cast ? "float32" : "bfloat16";
      const exact = pass(c, values, "float64", false);
      const library = withKernels("libtorch", () => pass(c, values, dtype, cast));
      const tiles = withKernels("tiles", () => pass(c, values, dtype, cast));
      for (const part of parts) {
        const [own, theirs, reference] = [tiles[part], library[part], exact[part]];
        if (own === null || theirs === null || reference === null) continue;
        const what = `${part} of ${text(c)}`;
        assert.deepEqual(factsOf(own), factsOf(theirs), what);
        const [error, allowed] = [distance(own, reference), distance(theirs, reference)];
        assert.ok(error <= 1.02 * allowed, `${what}: ${error} from float64, libtorch's ${allowed}`);
        different[part] += same(own, theirs) ? 0 : 1;
      }
    }
    assert.ok(different.dx + different.dweight > 0, "every bit is libtorch's: were these tiles?");
  });
}

scopedTest("what tiles do not cover is libtorch's to the bit: groups, float32, other layouts", () => {
  const padded = { padding: [1, 1] };
  const uncovered: [Case, DType, boolean, Layout][] = [
    [{ x: [2, 64, 8, 8], weight: [64, 32, 3, 3], groups: 2, ...padded }, "bfloat16", false, "last"],
    [{ x: [2, 32, 8, 8], weight: [32, 32, 3, 3], ...padded }, "float32", false, "last"],
    [{ x: [2, 32, 8, 8], weight: [32, 32, 3, 3], ...padded }, "float64", true, "last"],
    [{ x: [2, 32, 8, 8], weight: [32, 32, 3, 3], ...padded }, "float32", true, "contiguous"],
  ];
  for (const [c, dtype, cast, layout] of uncovered) {
    const values = valuesOf(c);
    const library = withKernels("libtorch", () => pass(c, values, dtype, cast, layout));
    const tiles = withKernels("tiles", () => pass(c, values, dtype, cast, layout));
    for (const part of ["y", "dx", "dweight"] as const)
      assert.ok(same(tiles[part], library[part]), `${part}, ${text(c)}`);
  }
});

scopedTest("the same bits twice; y and dx also with another number of threads", () => {
  for (const c of cases) {
    const values = valuesOf(c);
    const before = torch.getNumThreads();
    torch.setNumThreads(2);
    const run = () => withKernels("tiles", () => pass(c, values, "float32", true));
    const [first, second] = [run(), run()];
    torch.setNumThreads(1);
    const single = run();
    torch.setNumThreads(before);
    for (const part of ["y", "dx", "dweight"] as const)
      assert.ok(same(first[part], second[part]), `${part}, ${text(c)}`);
    for (const part of ["y", "dx"] as const)
      assert.ok(same(first[part], single[part]), `one thread: ${part}, ${text(c)}`);
  }
});

const small = () => valuesOf({ x: [2, 32, 6, 6], weight: [32, 32, 3, 3] });
const narrow = (t: Tensor, requiresGrad = true) =>
  t.to({ dtype: "bfloat16", memoryFormat: "channels_last" }).clone().requiresGrad_(requiresGrad);

scopedTest("only what is asked for has a gradient", () => {
  const values = small();
  const reference = withKernels("tiles", () => {
    const [x, weight] = [narrow(values.x), narrow(values.weight)];
    conv2d(x, weight, null).sum().backward();
    return { x: x.grad, weight: weight.grad };
  });
  for (const [ofX, ofWeight] of [
    [true, false],
    [false, true],
    [false, false],
  ] as const) {
    const [x, weight] = [narrow(values.x, ofX), narrow(values.weight, ofWeight)];
    const y = withKernels("tiles", () => conv2d(x, weight, null));
    assert.equal(y.requiresGrad, ofX || ofWeight);
    if (y.requiresGrad) y.sum().backward();
    for (const [own, wanted, asked] of [
      [x.grad, reference.x, ofX],
      [weight.grad, reference.weight, ofWeight],
    ] as const) {
      assert.equal(own !== null, asked);
      if (own !== null && wanted !== null) assert.ok(same(own, wanted));
    }
  }
  const silent = torch.noGrad(() =>
    withKernels("tiles", () => conv2d(narrow(values.x), narrow(values.weight), null)),
  );
  assert.equal(silent.requiresGrad, false);
});

scopedTest("a tensor used twice gets both gradients; a graph that is kept gives them again", () => {
  const values = small();
  const gradientsOf = (kernels: ConvolutionKernels) =>
    withKernels(kernels, () => {
      const [x, weight] = [narrow(values.x), narrow(values.weight)];
      const options = { padding: 1 };
      const loss = conv2d(conv2d(x, weight, null, options), weight, null, options)
        .mul(x)
        .to({ dtype: "float32" })
        .sum();
      loss.backward({ retainGraph: true });
      loss.backward();
      assert.ok(x.grad !== null && weight.grad !== null);
      return [x.grad, weight.grad] as const;
    });
  const [own, theirs] = [gradientsOf("tiles"), gradientsOf("libtorch")];
  own.forEach((gradient, k) => assert.ok(distance(gradient, theirs[k] ?? gradient) < 0.02));
});

scopedTest("a part of a larger tensor, and one not in channels_last, give what a copy gives", () => {
  const c = { x: [4, 32, 9, 9], weight: [32, 32, 3, 3] };
  const values = valuesOf(c);
  const whole = narrow(values.x, false);
  const weight = narrow(values.weight, false);
  for (const part of [whole.narrow(0, 1, 2), whole.narrow(2, 1, 6), whole.transpose(2, 3)]) {
    const of = (x: Tensor) => withKernels("tiles", () => conv2d(x, weight, null));
    const [own, copied] = [of(part), of(part.to({ memoryFormat: "channels_last" }).clone())];
    assert.ok(distance(own, copied) < 0.004);
  }
});

scopedTest("the gradient of a gradient is libtorch's", () => {
  const values = small();
  const penalty = (kernels: ConvolutionKernels) =>
    withKernels(kernels, () => {
      const [x, weight] = [narrow(values.x), narrow(values.weight)];
      const loss = conv2d(x, weight, null).to({ dtype: "float32" }).pow(2).sum();
      const [gradient] = torch.grad([loss], [x], { createGraph: true });
      assert.ok(gradient !== null && gradient !== undefined);
      gradient.to({ dtype: "float32" }).pow(2).sum().backward();
      assert.ok(weight.grad !== null);
      return weight.grad;
    });
  assert.ok(distance(penalty("tiles"), penalty("libtorch")) < 0.02);
});

scopedTest("a weight or an input that changed in place before the gradient is refused", () => {
  const values = small();
  for (const changed of [0, 1]) {
    const leaves = [narrow(values.x), narrow(values.weight)] as const;
    const y = withKernels("tiles", () => conv2d(leaves[0], leaves[1], null));
    torch.noGrad(() => leaves[changed as 0 | 1].mul_(2));
    assert.throws(
      () => y.sum().backward(),
      (error: Error) => error instanceof TorchError && /inplace/.test(error.message),
    );
  }
});

test("SLICESTACK_CONVOLUTIONS sets it; another word is refused", () => {
  const say = `import { setConvolutionKernels, ones } from ${JSON.stringify(new URL("../../src/index.js", import.meta.url).href)};
    try { console.log(setConvolutionKernels("auto")); } catch (error) { console.log(error.name + ": " + error.message); }`;
  const answer = (value: string) =>
    execFileSync(process.execPath, ["--input-type=module", "-e", say], {
      encoding: "utf8",
      env: { ...process.env, SLICESTACK_CONVOLUTIONS: value },
    }).trim();
  assert.equal(answer("libtorch"), "libtorch");
  assert.equal(answer(""), "auto");
  assert.match(
    answer("fast"),
    /ArgumentError: .*SLICESTACK_CONVOLUTIONS.*'auto', 'libtorch' or 'tiles', received 'fast'/,
  );
  assert.throws(() => setConvolutionKernels("fast" as ConvolutionKernels), ArgumentError);
});
