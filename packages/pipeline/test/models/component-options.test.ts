/** Options of components: completed by their schema, once for each object of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { Random } from "@slicestack/stats";
import { ModelError } from "../../src/models/common/model-error.js";
import { defineAugmentation } from "../../src/models/component.js";

test("options are checked once for all draws of an augmentation, and anew for other options", () => {
  let checks = 0;
  const most = z
    .number()
    .default(0.5)
    .refine((value) => ++checks > 0 && value <= 1, "expected at most 1");
  const fog = defineAugmentation({
    name: "fog",
    source: "own",
    options: z.strictObject({ most }),
    draw: (random, options) => random.uniform(0, options.most),
    apply: (x) => x,
  });
  const random = new Random(1);
  const options = { most: 0.25 };
  const draws = Array.from({ length: 100 }, () => fog.draw(random, options) as number);
  assert.ok(draws.every((draw) => draw >= 0 && draw <= 0.25));
  assert.equal(checks, 1);
  assert.ok(
    Math.max(...Array.from({ length: 100 }, () => fog.draw(random, {}) as number)) > 0.25,
    "the default",
  );
  assert.throws(
    () => fog.draw(random, { most: 2 }),
    (error) => error instanceof ModelError && /^fog: options\.most: expected at most 1/.test(error.message),
  );
});
