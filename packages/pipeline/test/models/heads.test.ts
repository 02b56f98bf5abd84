/** What every head of the volume stage promises: padding, depth, order, slice weights; and what each is by its own definition. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  autocast,
  cat,
  functional as F,
  manualSeed,
  noGrad,
  ones,
  randn,
  tensor,
  type Tensor,
} from "@slicestack/torch";
import type { Options } from "../../src/config/choice.js";
import type { Head } from "../../src/models/heads/head.js";
import { NoisyOrHead } from "../../src/models/heads/noisy-or.js";
import { TopKHead } from "../../src/models/heads/topk.js";
import { headNames } from "../../src/models/catalogue.js";
import { createHead } from "../../src/models/create-by-name.js";
import { close, leakFree, maskOf } from "./support.js";

const [embedding, slices, classes] = [6, 7, 3];
const depths = [3, 7, 5];

function make(name: string, options: Options = {}, dropout = 0): Head {
  manualSeed(5);
  return createHead({ model: { name, options }, dropout }, { embedding, slices, classes });
}

/** Logits, slice weights and the gradient of every parameter in a training step. */
function step(
  head: Head,
  x_BSE: Tensor,
  mask_BS: Tensor,
): { logits: Tensor; weights: Tensor | null; gradients: Tensor[] } {
  head.zeroGrad();
  const { logits_BK, sliceWeight_BS } = head.forward(x_BSE, mask_BS);
  F.crossEntropy(logits_BK, tensor([0, 1, 2], { dtype: "int64" })).backward();
  const gradients = head
    .parameters()
    .map(({ grad }) => grad ?? assert.fail("a parameter without a gradient"));
  return { logits: logits_BK, weights: sliceWeight_BS, gradients };
}

for (const name of headNames) {
  leakFree(`${name} head: the values of padded slices have no influence, not even on gradients`, () => {
    using head = make(name);
    const x_BSE = randn([3, slices, embedding]);
    const mask_BS = maskOf(depths, slices);
    const other_BSE = x_BSE.add(randn(x_BSE.shape).mul(100).maskedFill(mask_BS.unsqueeze(-1), 0));
    const [plain, filled] = [step(head, x_BSE, mask_BS), step(head, other_BSE, mask_BS)];
    close(filled.logits, plain.logits, 1e-6);
    filled.gradients.forEach((gradient, k) => close(gradient, plain.gradients[k], 1e-6));
  });

  // The flatten head has weights for each place, and no more places.
  if (name !== "flatten")
    leakFree(`${name} head: more padding changes neither logits, nor weights, nor gradients`, () => {
      using head = make(name);
      const x_BSE = randn([3, slices, embedding]);
      const more_BSE = cat([x_BSE, randn([3, 6, embedding])], 1);
      const plain = step(head, x_BSE, maskOf(depths, slices));
      const padded = step(head, more_BSE, maskOf(depths, slices + 6));
      close(padded.logits, plain.logits, 1e-6);
      padded.gradients.forEach((gradient, k) => close(gradient, plain.gradients[k], 1e-6));
      if (plain.weights === null) assert.equal(padded.weights, null);
      else close(padded.weights?.narrow(1, 0, slices), plain.weights, 1e-6);
    });

  leakFree(`${name} head: a volume among deeper ones gets what it gets alone`, () => {
    using head = make(name, {}, 0.5).eval();
    const x_BSE = randn([3, slices, embedding]);
    const together = noGrad(() => head.forward(x_BSE, maskOf(depths, slices))).logits_BK;
    depths.forEach((depth, k) => {
      const places = name === "flatten" ? slices : depth;
      const alone_1SE = x_BSE.narrow(0, k, 1).narrow(1, 0, places);
      const { logits_BK } = noGrad(() => head.forward(alone_1SE, maskOf([depth], places)));
      close(logits_BK, together.narrow(0, k, 1), 1e-6);
    });
  });

  leakFree(
    `${name} head: slice weights are null, or sum to 1 over the slices that exist and are 0 elsewhere`,
    () => {
      using head = make(name);
      const mask_BS = maskOf(depths, slices);
      const { weights } = step(head, randn([3, slices, embedding]), mask_BS);
      const without: string[] = ["flatten", "max"];
      assert.equal(weights === null, without.includes(name));
      if (weights === null) return;
      close(weights.sum(1), ones([3]), 1e-6);
      assert.ok(weights.ge(0).all().item());
      assert.equal(weights.maskedFill(mask_BS, 0).amax().item(), 0);
    },
  );

  leakFree(`${name} head: trains under bfloat16 autocast, with numbers as gradients`, () => {
    using head = make(name, {}, 0.2);
    const { logits, gradients } = autocast({}, () =>
      step(head, randn([3, slices, embedding]), maskOf(depths, slices)),
    );
    assert.ok(logits.isfinite().all().item());
    for (const gradient of gradients) assert.ok(gradient.isfinite().all().item());
  });
}

leakFree(
  "flatten, conv1d, gru and transformer see slice order; mean, max, topk, noisy_or and attention do not",
  () => {
    const seeing: string[] = ["flatten", "conv1d", "gru", "transformer"];
    const x_BSE = randn([1, slices, embedding]);
    const turned_BSE = cat(
      [3, 0, 6, 1, 5, 2, 4].map((k) => x_BSE.narrow(1, k, 1)),
      1,
    );
    for (const name of headNames) {
      using head = make(name).eval();
      const mask_BS = maskOf([slices], slices);
      const [first, second] = [x_BSE, turned_BSE].map(
        (x) => noGrad(() => head.forward(x, mask_BS)).logits_BK,
      );
      const apart =
        first
          ?.sub(second ?? first)
          .abs()
          .amax()
          .item() ?? NaN;
      assert.equal(apart > 1e-5, seeing.includes(name), `${name}: ${apart}`);
    }
  },
);

leakFree(
  "gru: slices that are missing in the middle are passed over, as if the volume were without them",
  () => {
    using head = make("gru", { layers: 2, width: 10 }).eval();
    const x_BSE = randn([1, 5, embedding]);
    const holes_BS = tensor([[1, 0, 1, 1, 0]]).to({ dtype: "bool" });
    const kept_BSE = cat(
      [0, 2, 3].map((k) => x_BSE.narrow(1, k, 1)),
      1,
    );
    const [holes, kept] = [head.forward(x_BSE, holes_BS), head.forward(kept_BSE, maskOf([3], 3))];
    close(holes.logits_BK, kept.logits_BK, 1e-6);
  },
);

leakFree("topk: k = 1 is the highest score of each class, k beyond the depth is their mean", () => {
  const x_BSE = randn([3, slices, embedding]);
  const mask_BS = maskOf(depths, slices);
  for (const [k, expected] of [
    [1, (scores_SK: Tensor) => scores_SK.amax(0)],
    [100, (scores_SK: Tensor) => scores_SK.mean(0)],
  ] as const) {
    using head = make("topk", { k });
    assert.ok(head instanceof TopKHead);
    const { logits_BK } = head.forward(x_BSE, mask_BS);
    depths.forEach((depth, b) =>
      close(
        logits_BK.select(0, b),
        expected(head.classifier.forward(x_BSE.select(0, b).narrow(0, 0, depth))),
        1e-6,
      ),
    );
  }
});

leakFree(
  "noisy_or of two classes: softmax gives 1 - P and P of the formula; of more, P_k / (1 - P_k) in proportion",
  () => {
    manualSeed(1);
    const x_BSE = randn([3, slices, embedding], { dtype: "float64" });
    for (const count of [2, 4]) {
      using head = new NoisyOrHead({ embedding, slices, classes: count, dropout: 0 });
      head.to({ dtype: "float64" });
      const { logits_BK } = head.forward(x_BSE, maskOf(depths, slices));
      const found = logits_BK.softmax(1);
      depths.forEach((depth, b) => {
        const chance_SJ = head.score.forward(x_BSE.select(0, b).narrow(0, 0, depth)).sigmoid();
        const none_J = chance_SJ.neg().add(1).prod(0);
        const any_J = none_J.neg().add(1);
        const odds_J = any_J.div(none_J);
        const wanted = count === 2 ? cat([none_J, any_J]) : odds_J.div(odds_J.sum());
        close(found.select(0, b), wanted, 1e-12);
      });
    }
  },
);

leakFree(
  "noisy_or: scores of ±500 and of ±5000 give finite logits in order, and gradients that still teach",
  () => {
    using head = new NoisyOrHead({ embedding: 1, slices: 64, classes: 2, dropout: 0 });
    noGrad(() => [head.score.weight.fill_(1), head.score.bias?.fill_(0)]);
    const logits = [-5000, -500, -20, 0, 20, 500, 5000].map((value) => {
      const x_BSE = ones([1, 64, 1]).mul(value).requiresGrad_();
      const { logits_BK } = head.forward(x_BSE, maskOf([64], 64));
      const finding = logits_BK.select(1, 1).sum();
      finding.backward();
      const slope = x_BSE.grad?.sum().item() ?? NaN;
      assert.ok(slope > 0.99 && slope < 65, `slope at ${value}: ${slope}`);
      return finding.item();
    });
    assert.ok(logits.every(Number.isFinite), String(logits));
    assert.deepEqual(
      logits,
      [...logits].sort((a, b) => a - b),
    );
    // Far below, 64 equal chances are 64 times one; far above, all of them count.
    assert.ok(Math.abs((logits[1] ?? NaN) - (-500 + Math.log(64))) < 1e-3);
    assert.ok(Math.abs((logits[5] ?? NaN) - 64 * 500) < 1);
  },
);

test("options that a head does not have, or that do not fit it, are refused with what does", () => {
  const refused = (head: string, options: Options, message: RegExp) =>
    assert.throws(() => make(head, options), { name: "ModelError", message });
  refused(
    "mean",
    { k: 3 },
    /^mean: options\.k: there is no such option; mean has no options \(topk: k\)\. Correct it\.$/,
  );
  refused(
    "topk",
    { width: 8 },
    /^topk: options\.width: there is no such option; topk has k \(attention, conv1d, gru, transformer: width\)/,
  );
  refused(
    "attention",
    { layers: 1 },
    /^attention: options\.layers: .*attention has width \(conv1d, gru, transformer: layers\)/,
  );
  refused("conv1d", { width: 0 }, /width: expected a whole number, at least 1, received 0/);
  refused("topk", { k: 1.5 }, /k: expected a whole number/);
  refused("gru", { width: 9 }, /even width, half for each direction, received 9/);
  refused("transformer", { width: 10 }, /a multiple of its 4 attention heads, received 10\. Choose 12/);
});
