import assert from "node:assert/strict";
import {
  ArgumentError,
  getGeneratorState,
  manualSeed,
  rand,
  randn,
  randperm,
  scope,
  setGeneratorState,
  zeros,
} from "../../src/index.js";
import { dropout } from "../../src/functional.js";
import { leakTest } from "../support.js";

const draws = () =>
  scope(() => [rand([5]), randn([20]), randperm(9), dropout(zeros([7]).add(1))].map((x) => x.toArray()));

leakTest(
  "generator: a state that is taken and given back repeats the draws, also through plain bytes",
  () => {
    scope(() => {
      manualSeed(7);
      rand([3]);
      const state = getGeneratorState();
      const bytes = state.toTypedArray();
      const first = draws();
      assert.notDeepEqual(draws(), first);
      setGeneratorState(state);
      assert.deepEqual(draws(), first);
      state.copy_(state);
      state.zero_().copy_(zeros([bytes.length], { dtype: "uint8" }));
      assert.throws(() => setGeneratorState(state), Error);
      assert.deepEqual(bytes.length, state.numel);
    });
  },
);

leakTest("generator: the same seed gives the same draws, another seed others", () => {
  const of = (seed: number) => {
    manualSeed(seed);
    return draws();
  };
  assert.deepEqual(of(3), of(3));
  assert.notDeepEqual(of(3), of(4));
  assert.throws(() => manualSeed(-1), ArgumentError);
  assert.throws(() => manualSeed(0.5), ArgumentError);
});

leakTest("generator: what is no state is refused", () => {
  scope(() => {
    assert.throws(() => setGeneratorState(zeros([5056])), ArgumentError);
    assert.throws(() => setGeneratorState(zeros([3], { dtype: "uint8" })), Error);
    assert.throws(() => setGeneratorState(zeros([5056], { dtype: "uint8" })), Error);
  });
});
