/** Pictures of maps, decoded again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { blend, scaleOf } from "../../src/explain/colours.js";
import { mapPicture, strongestSlices } from "../../src/explain/picture.js";
import type { SliceShare } from "../../src/explain/subject.js";
import type { Volume } from "@slicestack/volume";
import { decoded, type Picture } from "../inspect/support.js";

const [nx, ny, nz] = [40, 30, 8];
const volume: Volume = {
  data: new Int16Array(nx * ny * nz).fill(-300),
  shape: [nx, ny, nz],
  spacing: [2, 2, 5],
  origin: [0, 0, 100],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  unit: "HU",
};

/** Values in a box of slice 5. */
function map(value: number): Float32Array {
  const values = new Float32Array(nx * ny * nz);
  for (let y = 5; y < 15; y++) for (let x = 25; x < 35; x++) values[5 * nx * ny + y * nx + x] = value;
  return values;
}

const shares = (values: number[]): SliceShare[] =>
  values.map((value, place) => ({ place, weight: null, leftOut: value, air: 0, ig: null, gradcam: null }));

async function drawn(values: Float32Array, slices = shares([0, 0, 0, 0, 0, 2, -1, 0])): Promise<Picture> {
  const picture = mapPicture({
    title: ["v1 · Integrated gradients · predicted ill"],
    volume,
    map: values,
    isSigned: true,
    target: "ill",
    unit: "log-odds per voxel",
    slices,
    window: [-1000, 400],
    count: 4,
    tile: 80,
    placed: true,
  });
  return await decoded(await picture.png(), 3);
}

/** Centre of the pixels of a hue within the tiles, and how many there are. */
function hue(
  { data, width, height }: Picture,
  is: (r: number, g: number, b: number) => boolean,
  [top, bottom]: [number, number],
) {
  let [n, sx, sy] = [0, 0, 0];
  for (let y = top; y < Math.min(bottom, height); y++)
    for (let x = 0; x < width; x++) {
      const i = 3 * (y * width + x);
      if (!is(data[i]!, data[i + 1]!, data[i + 2]!)) continue;
      n++;
      sx += x;
      sy += y;
    }
  return { n, x: sx / n, y: sy / n };
}
const warm = (r: number, g: number, b: number) => r > b + 60 && g > b + 40;
const cold = (r: number, _g: number, b: number) => b > r + 60;

test("what speaks for the class is yellow and what speaks against it blue, where it is and of its size", async () => {
  const tiles: [number, number] = [60, 236];
  const yes = await drawn(map(0.01));
  const found = hue(yes, warm, tiles);
  // The box is 20 x 20 of 80 x 60 pixels; the slice stands in one tile, beside itself without the map.
  assert.ok(Math.abs(found.n - 400) < 90, String(found.n));
  assert.equal(hue(yes, cold, tiles).n, 0);
  const against = await drawn(map(-0.01));
  assert.equal(hue(against, warm, tiles).n, 0);
  const blue = hue(against, cold, tiles);
  assert.ok(Math.abs(blue.n - 400) < 90 && Math.abs(blue.x - found.x) < 2 && Math.abs(blue.y - found.y) < 2);
  // An empty map colours nothing, and is drawn.
  assert.equal(hue(await drawn(map(0)), warm, tiles).n, 0);
});

test("the strip: bars up for slices that speak for the class, down for the others", async () => {
  const picture = await drawn(map(0.01));
  const below: [number, number] = [picture.height - 90, picture.height];
  const up = hue(picture, (r, _g, b) => r > 200 && b < 60, below);
  const down = hue(picture, (r, _g, b) => b > 200 && r < 120, below);
  assert.ok(up.n > 100 && down.n > 50 && up.n > 1.5 * down.n, `${up.n}, ${down.n}`);
  assert.ok(up.y < down.y);
  // Slice 6 of 8, and 7 of 8.
  assert.ok(
    Math.abs(up.x / picture.width - 5.5 / 8) < 0.03 && Math.abs(down.x / picture.width - 6.5 / 8) < 0.03,
  );
});

test("from each part of the volume the slice where the map is strongest; the middle where it is nowhere", () => {
  assert.deepEqual(strongestSlices(map(-1), [nx, ny, nz], 2), [1, 5]);
  assert.deepEqual(strongestSlices(map(1), [nx, ny, nz], 20), [0, 1, 2, 3, 4, 5, 6, 7]);
});

test("the scale leaves out the brightest 2 in 1000, and colours grow with strength", () => {
  const values = new Float32Array(10000).fill(1);
  values[17] = 1000;
  assert.equal(scaleOf(values), 1);
  assert.equal(scaleOf(new Float32Array(5)), 0);
  const sparse = new Float32Array(10000);
  sparse[3] = -4;
  assert.equal(scaleOf(sparse), 4, "one voxel alone is shown");
  const light = (share: number) => {
    const pixel = new Uint8Array(3);
    blend(128, share, pixel, 0);
    return pixel;
  };
  assert.deepEqual([...light(0)], [77, 77, 77]);
  assert.ok(light(1)[0]! > light(0.5)[0]! && light(0.5)[0]! > light(0.1)[0]!);
  assert.deepEqual([...light(7)], [...light(1)]);
});
