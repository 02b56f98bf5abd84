/** Functions with a backward pass in TypeScript: gradients, their gradients, what is saved, and what goes wrong. */
import assert from "node:assert/strict";
import * as torch from "../../src/index.js";
import {
  ArgumentError,
  autocast,
  autogradFunction,
  grad,
  liveTensors,
  noGrad,
  scope,
  tensor,
  TorchError,
  type Tensor,
} from "../../src/index.js";
import { leakTest, scopedTest } from "../support.js";

const square = autogradFunction({
  name: "square",
  forward: (context, x) => {
    context.saveForBackward(x);
    return x.mul(x);
  },
  backward: ({ saved: [x] }, gradient) => gradient!.mul(x!).mul(2),
});

/** exp, from its own output. */
const exponential = autogradFunction({
  name: "exponential",
  forward: (context, x) => {
    const y = x.exp();
    context.saveForBackward(y);
    return y;
  },
  backward: ({ saved: [y] }, gradient) => gradient!.mul(y!),
});

const gradientOf = (x: Tensor) => x.grad?.toArray();

scopedTest("its gradient is what backward returns, inside a graph of libtorch's own ops", () => {
  const x = tensor([1, -2, 3]).requiresGrad_();
  const y = square(x.mul(2)).sum();
  assert.equal(y.item(), 56);
  y.backward();
  assert.deepEqual(gradientOf(x), [8, -16, 24]); // d/dx (2x)² = 8x
});

scopedTest("gradients of gradients: backward is recorded where createGraph asks for it", () => {
  const x = tensor([1.5]).requiresGrad_();
  for (const [function_, third] of [
    [(at: Tensor) => square(square(at)), 24 * 1.5],
    [exponential, Math.exp(1.5)],
  ] as const) {
    const [first] = grad([function_(x).sum()], [x], { createGraph: true });
    const [second] = grad([first!.sum()], [x], { createGraph: true });
    const [last] = grad([second!.sum()], [x]);
    assert.ok(Math.abs(last!.item() - third) < 1e-4);
  }
});

scopedTest(
  "several inputs and outputs; null where there is no gradient; needsInputGrad says who wants one",
  () => {
    const asked: (readonly boolean[])[] = [];
    const given: (number[] | null)[] = [];
    const sumAndProduct = autogradFunction<Tensor[]>({
      name: "sumAndProduct",
      forward: (context, a, b) => {
        context.saveForBackward(a, b);
        return [a.add(b), a.mul(b)];
      },
      backward: ({ saved: [a, b], needsInputGrad }, ofSum, ofProduct) => {
        asked.push(needsInputGrad);
        given.push(ofSum?.toArray() ?? null, ofProduct?.toArray() ?? null);
        assert.ok(a !== undefined);
        return [needsInputGrad[0] === true ? ofProduct!.mul(b!) : null, null];
      },
    });
    const [a, b] = [tensor([2, 3]).requiresGrad_(), tensor([5, 7])];
    const [, product] = sumAndProduct(a, b);
    product!.sum().backward();
    assert.deepEqual(gradientOf(a), [5, 7]);
    assert.equal(b.grad, null);
    assert.deepEqual(asked, [[true, false]]);
    assert.deepEqual(given, [null, [1, 1]]); // nothing used the sum
  },
);

scopedTest(
  "without a graph it is forward alone: under noGrad, and where no input requires a gradient",
  () => {
    const x = tensor([3]).requiresGrad_();
    assert.equal(noGrad(() => square(x)).requiresGrad, false);
    assert.equal(square(tensor([3])).requiresGrad, false);
    assert.equal(square(x).requiresGrad, true);
  },
);

leakTest("what was saved is freed with the graph, after a thousand passes too", () => {
  const count = liveTensors();
  scope(() => {
    const x = torch.ones([16]).requiresGrad_();
    for (let pass = 0; pass < 1000; pass++) scope(() => square(x).sum().backward());
    assert.deepEqual(gradientOf(x)?.slice(0, 2), [2000, 2000]);
  });
  assert.equal(liveTensors(), count);
});

scopedTest("a graph runs backwards once, or as often as it was kept", () => {
  const x = tensor([2]).requiresGrad_();
  const y = square(x);
  y.backward({ retainGraph: true });
  y.backward();
  assert.deepEqual(gradientOf(x), [8]);
  assert.throws(() => y.backward(), TorchError);
});

leakTest(
  "what backward throws is what its caller catches, whatever it is, and the next pass is whole",
  () => {
    scope(() => {
      const own = new RangeError("my own");
      const throwing = (thrown: unknown) =>
        autogradFunction({
          name: "throwing",
          forward: (_context, x) => x.mul(1),
          backward: () => {
            throw thrown;
          },
        });
      const x = tensor([1]).requiresGrad_();
      assert.throws(
        () => throwing(own)(x).backward(),
        (error) => error === own,
      );
      assert.throws(
        () => throwing("text")(x).backward(),
        (error) => error === "text",
      );
      square(x).backward();
      assert.deepEqual(gradientOf(x), [2]);
    });
  },
);

scopedTest("wrong gradients are refused by name: their count, their shape", () => {
  const returning = (gradients: (x: Tensor) => Tensor[]) =>
    autogradFunction({
      name: "returning",
      forward: (_context, x) => x.mul(1),
      backward: (_c, g) => gradients(g!),
    });
  const x = tensor([1, 2]).requiresGrad_();
  assert.throws(
    () =>
      returning((g) => [g, g])(x)
        .sum()
        .backward(),
    {
      name: "ArgumentError",
      message: /backward of returning.*expected 1 gradients, one for each input, received 2/s,
    },
  );
  assert.throws(
    () =>
      returning(() => [torch.ones([3])])(x)
        .sum()
        .backward(),
    TorchError,
  );
  assert.throws(() => square(1 as unknown as Tensor), ArgumentError);
  const whole = autogradFunction({
    name: "whole",
    forward: (_c, y) => y.to({ dtype: "int64" }),
    backward: (_c, g) => g,
  });
  assert.throws(() => whole(x), /floating dtype, received int64/);
});

scopedTest("under bfloat16 autocast: the gradient of a float32 weight arrives in float32", () => {
  const weight = torch.ones([4, 4]).requiresGrad_();
  const product = autogradFunction({
    name: "product",
    forward: (context, w) => {
      context.saveForBackward(w);
      return w.matmul(w);
    },
    backward: ({ saved: [w] }, g) => g!.matmul(w!.transpose(0, 1)).add(w!.transpose(0, 1).matmul(g!)),
  });
  const y = autocast({}, () => product(weight));
  assert.equal(y.dtype, "bfloat16");
  autocast({}, () => y.sum().backward());
  assert.equal(weight.grad?.dtype, "float32");
  assert.deepEqual(new Set(gradientOf(weight)), new Set([8]));
});

scopedTest("a backward pass inside of a backward pass", () => {
  const inner = tensor([3]).requiresGrad_();
  const nested = autogradFunction({
    name: "nested",
    forward: (_context, x) => x.mul(1),
    backward: (_context, gradient) => {
      torch.enableGrad(() => square(inner).backward());
      return gradient;
    },
  });
  const x = tensor([1]).requiresGrad_();
  nested(x).backward();
  assert.deepEqual([gradientOf(x), gradientOf(inner)], [[1], [6]]);
});
