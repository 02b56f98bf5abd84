import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import {
  affineMatrix,
  reorient,
  reorientAndResample,
  resample,
  resampleToGrid,
  VolumeArgumentError,
  voxelToWorld,
  type Triple,
  type Volume,
} from "../src/index.js";
import { readNpy } from "../src/node.js";
import { assertClose, facts, fixture, obliqueVolume } from "./fixtures.js";

async function source(): Promise<Volume> {
  const { data, shape } = await readNpy(fixture("resample_source.npy"));
  const [nz, ny, nx] = shape as Triple;
  return { ...obliqueVolume(new Int16Array(1), [1, 1, 1]), data, shape: [nx, ny, nz] };
}

const cases = facts<{ shape: Triple; antialias: string; plain: string }[]>("resample.json");

for (const { shape, ...expected } of cases) {
  for (const key of ["antialias", "plain"] as const) {
    const oracle = key === "antialias" ? "a dense triangle filter in numpy" : "scipy's map_coordinates";
    test(`resample to ${shape.join(" x ")}, ${key}: equals ${oracle} (fixtures/volume/make_fixtures.py)`, async () => {
      const volume = await source();
      const { data } = await readNpy(fixture(expected[key]));
      const options = { antialias: key === "antialias" };
      const floats = resample({ ...volume, data: Float32Array.from(volume.data) }, shape, options);
      assert.ok(floats.data instanceof Float32Array);
      assertClose(floats.data, data, 1e-3, "float32");
      const doubles = resample({ ...volume, data: Float64Array.from(volume.data) }, shape, options);
      assertClose(doubles.data, data, 1e-4, "float64");
      const whole = resample(volume, shape, options);
      assert.ok(whole.data instanceof Int16Array);
      assertClose(whole.data, data, 0.5 + 1e-3, "int16 is rounded to the nearest");
    });
  }
}

test("resample keeps the field of view: the outer corners keep their world position", () => {
  const volume = obliqueVolume(new Int16Array(9 * 7 * 5), [9, 7, 5]);
  for (const shape of [
    [4, 7, 10],
    [1, 1, 1],
    [18, 3, 5],
  ] as Triple[]) {
    const other = resample(volume, shape);
    const corner = ({ shape: n }: Volume, end: 0 | 1) => n.map((size) => end * size - 0.5) as Triple;
    for (const end of [0, 1] as const) {
      assertClose(
        voxelToWorld(other, ...corner(other, end)),
        voxelToWorld(volume, ...corner(volume, end)),
        1e-9,
      );
    }
    assert.deepEqual([other.shape, other.direction, other.unit], [shape, volume.direction, "HU"]);
  }
});

test("resample: a ramp in world coordinates stays the same away from the border, for whole steps and finer grids", () => {
  const shape: Triple = [24, 20, 16];
  const volume = obliqueVolume(new Float64Array(24 * 20 * 16), shape);
  const ramp = ([x, y, z]: Triple) => 3 * x - 2 * y + 0.5 * z;
  const at = (v: Volume, i: number) =>
    [
      i % v.shape[0],
      Math.floor(i / v.shape[0]) % v.shape[1],
      Math.floor(i / v.shape[0] / v.shape[1]),
    ] as Triple;
  volume.data.forEach((_, i) => (volume.data[i] = ramp(voxelToWorld(volume, ...at(volume, i)))));
  const small = resample(volume, [12, 30, 8]);
  let inside = 0;
  small.data.forEach((value, i) => {
    const index = at(small, i);
    if (!index.every((n, axis) => n > 0 && n < (small.shape[axis] as number) - 1)) return;
    inside++;
    assertClose([value], [ramp(voxelToWorld(small, ...index))], 1e-9);
  });
  assert.equal(inside, 10 * 28 * 6);
});

test("resample: a constant stays exactly the same for every voxel type, and the input is not modified", () => {
  for (const Type of [
    Int8Array,
    Uint8Array,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
  ]) {
    const volume: Volume = { ...obliqueVolume(new Type(600), [10, 10, 6]), data: new Type(600).fill(97) };
    const other = resample(volume, [7, 13, 2]);
    assert.equal(other.data.constructor, Type);
    assert.deepEqual(new Set(Array.from(other.data, Math.round)), new Set([97]));
    assert.deepEqual(volume.data, new Type(600).fill(97));
  }
  const large = {
    ...obliqueVolume(new Int32Array(64), [4, 4, 4]),
    data: new Int32Array(64).fill(2 ** 30 + 1),
  };
  assert.deepEqual(
    new Set(resample(large, [3, 2, 5]).data),
    new Set([2 ** 30 + 1]),
    "beyond float32's whole numbers",
  );
});

test("resample to the same shape is a copy; invalid shapes are refused", () => {
  const volume = obliqueVolume(new Int16Array(24), [4, 3, 2]);
  const same = resample(volume, [4, 3, 2]);
  assert.deepEqual(same, volume);
  assert.notEqual(same.data, volume.data);
  for (const shape of [
    [0, 1, 1],
    [1.5, 1, 1],
    [NaN, 1, 1],
    [-1, 2, 2],
  ] as Triple[]) {
    assert.throws(() => resample(volume, shape), VolumeArgumentError);
  }
});

const narrow = [Int8Array, Uint8Array, Int16Array, Uint16Array, Float32Array];
const odd: [Triple, Triple][] = [
  [
    [37, 29, 5],
    [11, 13, 5],
  ],
  [
    [3, 2, 9],
    [7, 1, 4],
  ],
  [
    [1, 1, 1],
    [2, 3, 4],
  ],
  [
    [16, 40, 3],
    [16, 9, 3],
  ],
  [
    [50, 8, 4],
    [20, 8, 6],
  ],
];

test("resample by WebAssembly (8 to 16 bits, float32) equals the sums of 64 bits (float64), for odd sizes, too", () => {
  for (const Type of narrow) {
    for (const [shape, target] of odd) {
      for (const antialias of [true, false]) {
        const volume = obliqueVolume(new Type(shape[0] * shape[1] * shape[2]), shape);
        const exact = resample({ ...volume, data: Float64Array.from(volume.data) }, target, { antialias });
        const resampled = resample(volume, target, { antialias });
        assert.equal(resampled.data.constructor, Type);
        assertClose(
          resampled.data,
          exact.data,
          Type === Float32Array ? 1e-3 : 0.51,
          `${Type.name} to ${target.join(" x ")}`,
        );
      }
    }
  }
});

test("resample: NaN reaches exactly the voxels whose taps contain it, in WebAssembly and in JavaScript", () => {
  const volume = obliqueVolume(new Float32Array(19 * 17 * 3), [19, 17, 3]);
  volume.data[7 + 19 * (8 + 17)] = NaN;
  volume.data[18] = Infinity;
  const resampled = resample(volume, [8, 6, 3]).data;
  const exact = resample({ ...volume, data: Float64Array.from(volume.data) }, [8, 6, 3]).data;
  const places = (data: Volume["data"]) => Array.from(data, (v) => (Number.isFinite(v) ? 0 : v));
  assert.deepEqual(places(resampled), places(exact));
  assert.ok(places(resampled).some(Number.isNaN) && places(resampled).filter((v) => v !== 0).length < 20);
});

test("resample where WebAssembly is forbidden: the same within the rounding of sums", () => {
  const volume = obliqueVolume(new Int16Array(37 * 29 * 5), [37, 29, 5]);
  const resampled = resample(volume, [11, 13, 3]).data;
  const holder = globalThis as { WebAssembly?: unknown };
  const kept = holder.WebAssembly;
  try {
    delete holder.WebAssembly;
    assertClose(resample(volume, [11, 13, 3]).data, resampled, 1);
  } finally {
    holder.WebAssembly = kept;
  }
});

test("plane-wasm.ts equals the compiled wasm/plane.wat (by node packages/volume/wasm/build.mjs)", async () => {
  const packageFolder = new URL("../../", import.meta.url);
  const { planeModule } = (await import(new URL("wasm/build.mjs", packageFolder).href)) as {
    planeModule: () => Promise<string>;
  };
  assert.equal(
    readFileSync(new URL("src/resample/plane-wasm.ts", packageFolder), "utf8"),
    await planeModule(),
  );
});

test("reorientAndResample: equal to reorienting and then resampling, for every orientation", () => {
  const volume = obliqueVolume(new Int16Array(24 * 20 * 6), [24, 20, 6]);
  for (const code of ["LPS", "LAS", "RAS", "RPI", "SPL", "AIR"]) {
    const both = reorientAndResample(volume, code, [9, 5, 7]);
    const one = resample(reorient(volume, code), [9, 5, 7]);
    assertClose(both.data, one.data, 1, code);
    let differing = 0;
    both.data.forEach((value, i) => (differing += value === one.data[i] ? 0 : 1));
    assert.ok(differing <= 2, `${code}: ${differing} voxels differ`);
    assertClose(affineMatrix(both), affineMatrix(one), 1e-9, code);
    assert.deepEqual([both.shape, both.unit], [one.shape, one.unit]);
  }
  assert.throws(() => reorientAndResample(volume, "LLS", [1, 1, 1]), VolumeArgumentError);
});

test("resampleToGrid on the grid of resample gives its values, also through other planes and slices", async () => {
  const volume = await source();
  const floats = { ...volume, data: Float32Array.from(volume.data) };
  for (const { shape } of cases)
    for (const antialias of [true, false]) {
      const expected = resample(floats, shape, { antialias });
      const found = resampleToGrid(floats, expected, { antialias });
      assertClose(found.data, expected.data, 1e-3, shape.join(" x "));
      assert.deepEqual({ ...found, data: [] }, { ...expected, data: [] });
    }
});

test("resampleToGrid goes by world coordinates: whole voxels are moved, half ones are means, outer values continue", () => {
  const values = Int16Array.from(
    { length: 4 * 3 * 2 },
    (_, k) => 10 * (k % 4) + 100 * (Math.floor(k / 4) % 3),
  );
  const volume = { ...obliqueVolume(new Int16Array(24), [4, 3, 2]), data: values };
  const valuesAt = (i: number, nx: number) => {
    const grid = { ...volume, shape: [nx, 1, 1] as Triple, origin: voxelToWorld(volume, i, 1, 0) };
    return [...resampleToGrid(volume, grid).data];
  };
  assert.deepEqual(valuesAt(1, 3), [110, 120, 130]);
  assert.deepEqual(valuesAt(0.5, 2), [105, 115]);
  assert.deepEqual(valuesAt(-3, 5), [100, 100, 100, 100, 110]);
  assert.deepEqual(valuesAt(2, 4), [120, 130, 130, 130]);
});

test("resampleToGrid keeps the voxels of the same grid, and refuses one that is turned", () => {
  const volume = obliqueVolume(
    Int16Array.from({ length: 24 }, (_, k) => k * k),
    [4, 3, 2],
  );
  assert.deepEqual(resampleToGrid(volume, volume).data, volume.data);
  const mirrored = {
    ...volume,
    direction: volume.direction.map((value, k) => (k % 3 === 0 ? -value : value)),
  };
  assert.throws(
    () => resampleToGrid(volume, mirrored),
    (error) => error instanceof VolumeArgumentError && /axis x .* 180\.0 degrees/.test(error.message),
  );
});
