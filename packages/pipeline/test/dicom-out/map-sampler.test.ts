/** The map on the pixels of a slice equals the NIfTI map of --explain, which another code resamples. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { resample, voxelToWorld, type Triple, type Volume } from "@slicestack/volume";
import { Random } from "@slicestack/stats";
import { MapSampler } from "../../src/dicom-out/map-sampler.js";
import { mapInSource } from "../../src/explain/source-map.js";

const [turn, lean] = [0.3, 0.1];
/** Rotation about z, then about x: columns are the directions of the axes. */
const direction = [
  Math.cos(turn),
  -Math.sin(turn) * Math.cos(lean),
  Math.sin(turn) * Math.sin(lean),
  Math.sin(turn),
  Math.cos(turn) * Math.cos(lean),
  -Math.cos(turn) * Math.sin(lean),
  0,
  Math.sin(lean),
  Math.cos(lean),
];

test("on the slices of a turned scan, cropped and resized in all directions", () => {
  const random = new Random(1);
  const shape: Triple = [40, 36, 20];
  const source: Volume = {
    data: new Float32Array(40 * 36 * 20),
    shape,
    spacing: [0.7, 0.9, 2.5],
    origin: [-11, 7, -300],
    direction,
    unit: "HU",
  };
  const crop = [4, 36, 2, 34, 3, 19];
  const kept: Volume = {
    ...source,
    data: new Float32Array(32 * 32 * 16),
    shape: [32, 32, 16],
    origin: voxelToWorld(source, 4, 2, 3),
  };
  const { spacing, origin } = resample(kept, [16, 12, 8]);
  const map_SHW = Float32Array.from({ length: 16 * 12 * 8 }, () => random.uniform());
  const geometry = { spacing, origin, direction };
  const place = { geometry, count: 8, size: [12, 16] as [number, number] };
  const expected = mapInSource(map_SHW, { ...place, original: source, crop }, place.size);
  const sampler = new MapSampler(map_SHW, place);
  const values = new Float32Array(40 * 36);
  let inside = 0;
  for (let z = 0; z < 20; z++) {
    const orientation = [0, 1].flatMap((axis) => [0, 3, 6].map((row) => direction[row + axis]!));
    sampler.sample(
      {
        position: voxelToWorld(source, 0, 0, z),
        orientation,
        pixelSpacing: [0.9, 0.7],
        rows: 36,
        columns: 40,
      },
      values,
    );
    values.forEach((value, i) => {
      const other = (expected.data as Float32Array)[z * 40 * 36 + i]!;
      assert.ok(
        Math.abs(value - other) < 1e-4,
        `slice ${z}, pixel ${i}: ${value}, in the NIfTI map ${other}`,
      );
      if (value !== 0) inside++;
    });
  }
  assert.equal(inside, 32 * 32 * 16, "nothing outside of the crop");
});
