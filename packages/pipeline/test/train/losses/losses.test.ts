/** Losses, their gradients and the probabilities read from the same outputs. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { autocast, fromTypedArray, type Tensor } from "@slicestack/torch";
import { createCriterion, outputsOf } from "../../../src/models/create-by-name.js";
import { ordinalOutputs } from "../../../src/models/outputs.js";
import { leakFree } from "../../models/support.js";

interface Case {
  name: string;
  kind: string;
  options: {
    gamma?: number;
    alpha?: number[];
    weight?: number[];
    smoothing?: number;
    tau?: number;
    shares?: number[];
    sd?: number;
  };
  logits: { shape: number[]; data: number[] };
  target: number[] | number[][];
  classes: number;
  loss: number;
  gradient: number[];
  probabilities: number[];
}
const url = new URL("../../../../../../fixtures/losses/losses.json", import.meta.url);
const cases = JSON.parse(readFileSync(url, "utf8")) as Case[];

function criterionOf(name: string, classes: number, given: Case["options"]) {
  const { gamma = 2, alpha, smoothing = 0, tau = 1, sd = 0.5, shares } = given;
  const all: Record<string, Record<string, unknown>> = {
    focal: { gamma, alpha: alpha ?? null },
    logit_adjustment: { tau },
    label_distribution: { sd },
  };
  const loss = { name, options: all[name] ?? {} };
  return createCriterion("slice", { loss, labelSmoothing: smoothing }, classes, shares);
}
const doubles = (values: readonly number[], shape?: number[]) =>
  fromTypedArray(Float64Array.from(values), shape);
const classTensor = (labels: number[]) => fromTypedArray(BigInt64Array.from(labels, BigInt));

function targetOf(target: Case["target"]): Tensor {
  const [first] = target;
  if (Array.isArray(first)) return doubles((target as number[][]).flat(), [target.length, first.length]);
  return classTensor(target as number[]);
}

function near(found: readonly number[], expected: readonly number[], what: string): void {
  assert.equal(found.length, expected.length, what);
  found.forEach((value, k) => {
    const wanted = expected[k] ?? NaN;
    assert.ok(
      Math.abs(value - wanted) <= 1e-12 * (1 + Math.abs(wanted)),
      `${what}[${k}]: ${value}, expected ${wanted}`,
    );
  });
}

for (const c of cases) {
  leakFree(`${c.name}: loss, gradient and probabilities equal PyTorch's (fixtures/losses/losses.py)`, () => {
    const criterion = criterionOf(c.kind, c.classes, c.options);
    const logits = doubles(c.logits.data, c.logits.shape).requiresGrad_();
    assert.equal(criterion.outputs(c.classes), c.logits.shape[1]);
    const weight = c.options.weight === undefined ? null : doubles(c.options.weight);
    const loss = criterion.loss(logits, targetOf(c.target), weight);
    loss.backward();
    near([loss.item()], [c.loss], "loss");
    near(logits.grad?.toArray() ?? [], c.gradient, "gradient");
    near(criterion.probabilities(logits.detach()).toArray(), c.probabilities, "probabilities");
  });
}

const kinds = ["cross_entropy", "focal", "ordinal", "logit_adjustment", "label_distribution"] as const;

for (const kind of kinds) {
  leakFree(`${kind}: one class per sample and its mass give the same loss and gradient`, () => {
    const criterion = criterionOf(kind, 3, { smoothing: 0.1 });
    const width = criterion.outputs(3);
    const weight = doubles([1, 2, 0.5]);
    const run = (target: Tensor) => {
      const logits = doubles([0.3, -1, 2, 0.7, -0.2, 1.5].slice(0, 2 * width), [2, width]).requiresGrad_();
      const loss = criterion.loss(logits, target, weight);
      loss.backward();
      return [loss.item(), ...(logits.grad?.toArray() ?? [])];
    };
    near(run(doubles([0, 0, 1, 1, 0, 0], [2, 3])), run(classTensor([2, 0])), "mass");
  });

  leakFree(
    `${kind}: doubling the mass of all samples keeps the mean; doubling that of one counts it twice`,
    () => {
      const criterion = criterionOf(kind, 3, {});
      const width = criterion.outputs(3);
      const rows = [0.3, -1, 2, 0.7, -0.2, 1.5].slice(0, 2 * width);
      const logits = doubles(rows, [2, width]);
      const one = criterion.loss(logits, doubles([1, 0, 0, 0, 0, 1], [2, 3]), null).item();
      near([criterion.loss(logits, doubles([2, 0, 0, 0, 0, 2], [2, 3]), null).item()], [one], "all");
      const thrice = doubles([...rows, ...rows.slice(width)], [3, width]);
      const repeated = criterion.loss(thrice, doubles([1, 0, 0, 0, 0, 1, 0, 0, 1], [3, 3]), null).item();
      near(
        [criterion.loss(logits, doubles([1, 0, 0, 0, 0, 2], [2, 3]), null).item()],
        [repeated],
        "one twice",
      );
    },
  );

  for (const dtype of ["float32", "float64"] as const) {
    leakFree(`${kind}, ${dtype}: logits of ±1000 give a finite loss and gradient, also for gamma 0.5`, () => {
      const criterion = criterionOf(kind, 2, { gamma: 0.5 });
      const width = criterion.outputs(2);
      // Right and wrong, each by far: an output for the second class, or one for each.
      const sure = width === 1 ? [1000, -1000] : [-1000, 1000, 1000, -1000];
      for (const [label, loss, slope] of [
        [1, 0, 0],
        [0, width === 1 ? 1000 : 2000, 1],
      ] as const) {
        const logits = doubles(sure.slice(0, width), [1, width]).to({ dtype }).requiresGrad_();
        const value = criterion.loss(logits, classTensor([label]), null);
        value.backward();
        const gradient = Math.abs(logits.grad?.toArray().at(-1) ?? NaN);
        if (kind === "label_distribution") {
          // The other class is part of its target: neither is ever sure enough.
          assert.ok(Number.isFinite(value.item()) && value.item() > 0 && gradient > 0 && gradient < 1);
          continue;
        }
        assert.equal(value.item(), loss);
        assert.equal(gradient, slope);
      }
      const rows = criterion.probabilities(doubles(sure, [2, width]).to({ dtype })).toArray();
      assert.deepEqual(rows, [0, 1, 1, 0]);
    });
  }

  leakFree(`${kind}: gradients equal finite differences where outputs are equal`, () => {
    const criterion = criterionOf(kind, 4, {});
    const width = criterion.outputs(4);
    const zero = new Array<number>(width).fill(0);
    const at = (values: number[]) =>
      criterion.loss(doubles(values, [1, width]), classTensor([1]), null).item();
    const logits = doubles(zero, [1, width]).requiresGrad_();
    criterion.loss(logits, classTensor([1]), null).backward();
    const found = logits.grad?.toArray() ?? [];
    const h = 1e-5;
    for (let k = 0; k < width; k++) {
      const moved = (by: number) => at(zero.map((value, j) => (j === k ? value + by : value)));
      assert.ok(Math.abs((moved(h) - moved(-h)) / (2 * h) - (found[k] ?? NaN)) < 1e-8, `output ${k}`);
    }
  });

  leakFree(`${kind}: bfloat16 autocast does not change a float32 loss`, () => {
    const criterion = criterionOf(kind, 3, { gamma: 2 });
    const width = criterion.outputs(3);
    const logits = doubles([0.3, -1, 2, 0.7, -0.2, 1.5].slice(0, 2 * width), [2, width]).to({
      dtype: "float32",
    });
    const value = () => criterion.loss(logits, classTensor([2, 0]), null);
    assert.equal(autocast({ enabled: true }, value).item(), value().item());
  });
}

leakFree(
  "ordinal: the probability of a class above t decreases with t, whatever the outputs, and rows sum to 1",
  () => {
    const logits = doubles(
      Array.from({ length: 60 }, (_, k) => ((((k + 1) * 37) % 101) - 50) / 4),
      [12, 5],
    );
    const rows = ordinalOutputs.probabilities(logits).toArray();
    for (let b = 0; b < 12; b++) {
      const row = rows.slice(6 * b, 6 * b + 6);
      assert.ok(Math.abs(row.reduce((a, p) => a + p, 0) - 1) < 1e-12);
      assert.ok(row.every((p) => p >= 0));
    }
  },
);

leakFree("focal with gamma 0 and no alpha is cross entropy", () => {
  const logits = doubles([0.3, -1, 2, 0.7, -0.2, 1.5], [2, 3]);
  const value = (kind: "focal" | "cross_entropy") =>
    criterionOf(kind, 3, { gamma: 0 })
      .loss(logits, classTensor([0, 2]), doubles([1, 2, 3]))
      .item();
  near([value("focal")], [value("cross_entropy")], "loss");
});

leakFree(
  "a list of alphas whose length differs from the number of classes is a ConfigError with both numbers",
  () => {
    assert.throws(
      () => criterionOf("focal", 3, { alpha: [1, 2] }),
      /ConfigError: .*slice\.loss\.focal\.alpha: expected 3 values.*received 2/,
    );
  },
);

leakFree("the outputs of a model are interpreted by its loss, by default cross entropy", () => {
  const logits = doubles([0, 0], [1, 2]);
  assert.deepEqual(outputsOf("ordinal").probabilities(logits).toArray(), [0.5, 0.25, 0.25]);
  assert.deepEqual(outputsOf("focal").probabilities(logits).toArray(), [0.5, 0.5]);
  assert.deepEqual(outputsOf().probabilities(logits).toArray(), [0.5, 0.5]);
});
