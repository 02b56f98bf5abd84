/** One shape for what is fitted on val: fit, apply, toJSON, fromJSON. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConformalPredictor,
  DecisionThreshold,
  IsotonicRegression,
  TemperatureScaling,
  type FrozenThreshold,
  RangeOfParameterError,
  ShapeError,
} from "../src/index.js";
import { simulate } from "./fixture.js";

const { labels, probabilities, subjects } = simulate({ model: "m", seed: 5, counts: [14, 11], signal: 0.8 });
const val = { part: "val" as const, labels, probabilities, subjects };
const others = simulate({ model: "m", seed: 6, counts: [9, 9], signal: 0.8 }).probabilities;

const options = { miss: 0.2, score: "aps", byClass: true } as const;
const parsed = <T>(value: { toJSON: () => T }) => JSON.parse(JSON.stringify(value)) as T;

test("what is kept as JSON decides as what was fitted", () => {
  const temperature = TemperatureScaling.fit(val);
  assert.deepEqual(TemperatureScaling.fromJSON(parsed(temperature)).apply(others), temperature.apply(others));
  const isotonic = IsotonicRegression.fit(val);
  assert.deepEqual(IsotonicRegression.fromJSON(parsed(isotonic)).apply(others), isotonic.apply(others));
  const threshold = DecisionThreshold.fit(val, { kind: "youden" });
  assert.deepEqual(DecisionThreshold.fromJSON(parsed(threshold)).apply(others), threshold.apply(others));
  const sets = ConformalPredictor.fit(val, options);
  assert.deepEqual(ConformalPredictor.fromJSON(parsed(sets)).apply(others), sets.apply(others));
});

test("the data of toJSON can be changed without changing what was fitted", () => {
  const temperature = TemperatureScaling.fit(val);
  const before = temperature.apply(others);
  temperature.toJSON().temperature = 9;
  assert.deepEqual(temperature.apply(others), before);
});

test("what cannot have been fitted is refused", () => {
  const kept = TemperatureScaling.fit(val).toJSON();
  for (const temperature of [0, -1, Number.NaN, Infinity])
    assert.throws(() => TemperatureScaling.fromJSON({ ...kept, temperature }), RangeOfParameterError);
  assert.throws(() => IsotonicRegression.fromJSON({ probability: [0.1, 0.2], calibrated: [1] }), ShapeError);
  assert.throws(() => IsotonicRegression.fromJSON({ probability: [], calibrated: [] }), ShapeError);
  const threshold: FrozenThreshold = {
    ...DecisionThreshold.fit(val, { kind: "f1" }).toJSON(),
    threshold: Number.NaN,
  };
  assert.throws(() => DecisionThreshold.fromJSON(threshold), RangeOfParameterError);
  const sets = ConformalPredictor.fit(val, options).toJSON();
  assert.throws(() => ConformalPredictor.fromJSON({ ...sets, miss: 1 }), RangeOfParameterError);
  assert.throws(() => ConformalPredictor.fromJSON({ ...sets, quantile_C: [] }), ShapeError);
});
