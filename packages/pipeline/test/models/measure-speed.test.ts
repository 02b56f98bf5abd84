/** The speed of a model is measured as it trains: on its device, in the memory layout of its precision. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { randn, scope } from "@slicestack/torch";
import { createSliceModel, createVolumeModel } from "../../src/models/create-by-name.js";
import { measureSpeed } from "../../src/models/measure-speed.js";

const LEAST = { seconds: 0, steps: 1 };
const layouts = (model: { parameters(): Iterable<{ shape: readonly number[]; memoryFormat: string }> }) => {
  const kernels = [...model.parameters()].filter(({ shape }) => shape.length >= 4 && shape[1]! > 1);
  return [...new Set(kernels.map(({ memoryFormat }) => memoryFormat))];
};

test("bfloat16 measures slices and volumes with channels last, float32 leaves them as they are", () => {
  for (const [bfloat16, slices, volumes] of [
    [true, "channels_last", "channels_last_3d"],
    [false, "contiguous", "contiguous"],
  ] as const)
    scope(() => {
      const plan = { device: "cpu", bfloat16 };
      using flat = createSliceModel({ model: "slice_cnn", dropout: 0 }, 2, [32, 32]);
      const speed = measureSpeed(flat, randn([2, flat.channels, 32, 32]), plan, LEAST);
      assert.ok(speed.training > 0 && speed.inference > 0);
      assert.deepEqual(layouts(flat), [slices]);
      using deep = createVolumeModel({ model: "simple" }, 2, [16, 16, 16]);
      measureSpeed(deep, randn([1, 1, 16, 16, 16]), plan, LEAST);
      assert.deepEqual(layouts(deep), [volumes]);
    });
});
