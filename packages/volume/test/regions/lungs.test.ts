import assert from "node:assert/strict";
import test from "node:test";
import {
  cropTo,
  findLungs,
  orientationCode,
  RegionError,
  reorient,
  voxelToWorld,
  VolumeArgumentError,
  type LungFlag,
  type LungsFound,
  type Triple,
  type Volume,
} from "../../src/index.js";
import { assertClose, obliqueVolume, seeded } from "../fixtures.js";
import { overlap, torso, type Torso, type TorsoOptions } from "./torso.js";

function found(volume: Volume): LungsFound {
  const lungs = findLungs(volume);
  assert.ok(lungs.found, lungs.found ? "" : lungs.reason);
  return lungs;
}

function trueMl({ lungs, volume: { spacing } }: Torso): [right: number, left: number] {
  const ml = (spacing[0] * spacing[1] * spacing[2]) / 1000;
  return [1, 2].map((label) => lungs.reduce((n, value) => n + (value === label ? 1 : 0), 0) * ml) as [
    number,
    number,
  ];
}

const has = ({ flags }: LungsFound, ...wanted: LungFlag[]) => wanted.every((flag) => flags.includes(flag));

test("findLungs: both lungs of a drawn torso, on the right sides, whole in the box", () => {
  const drawn = torso();
  const lungs = found(drawn.volume);
  const { dice, held } = overlap(lungs.mask.data, drawn.lungs, drawn.volume);
  assert.ok(dice > 0.94, `Dice ${dice}`);
  assert.equal(held(lungs.box, 0), 1);
  const [right, left] = trueMl(drawn);
  assert.ok(Math.abs(lungs.rightMl / right - 1) < 0.15 && Math.abs(lungs.leftMl / left - 1) < 0.15);
  assert.ok(lungs.complete, lungs.flags.join());
  const { shape, spacing, origin, direction } = lungs.mask;
  const source = drawn.volume;
  assert.deepEqual(
    [shape, spacing, origin, direction],
    [source.shape, source.spacing, source.origin, source.direction],
  );
  const voxel = (spacing[0] * spacing[1] * spacing[2]) / 1000;
  const count = (label: number) => Array.from(lungs.mask.data).filter((value) => value === label).length;
  assertClose(
    [lungs.rightMl, lungs.leftMl, lungs.totalMl],
    [count(1) * voxel, count(2) * voxel, (count(1) + count(2)) * voxel],
    1e-6,
  );
});

/** Share of the voxels that `where` (LPS mm) accepts and the mask contains. */
function shareIn(mask: Volume, where: (x: number, y: number, z: number) => boolean): number {
  let [all, inMask] = [0, 0];
  mask.data.forEach((value, i) => {
    const [nx, ny] = mask.shape;
    if (!where(...voxelToWorld(mask, i % nx, Math.floor(i / nx) % ny, Math.floor(i / nx / ny)))) return;
    all++;
    if (value !== 0) inMask++;
  });
  return inMask / all;
}

test("findLungs: the windpipe above and between the lungs, and gas in the stomach, are not lung", () => {
  const { mask } = found(torso({ stomachGas: true }).volume);
  assert.ok(shareIn(mask, (x, y, z) => z > 30 && Math.hypot(x - 2, y - 5) < 7) < 0.02);
  assert.ok(shareIn(mask, (x, y, z) => Math.hypot((x - 62) / 36, (y + 20) / 23, (z + 75) / 24) < 1) < 0.02);
});

test("findLungs: lungs that touch are divided in the middle", () => {
  const drawn = torso({ septum: 0 });
  const lungs = found(drawn.volume);
  assert.ok(has(lungs, "joined"), lungs.flags.join());
  const { dice } = overlap(lungs.mask.data, drawn.lungs, drawn.volume);
  assert.ok(dice > 0.93, `Dice ${dice}`);
});

for (const dense of [20, 40, 60]) {
  test(`findLungs: ${dense} mm of dense lung along the whole back stay in the box`, () => {
    const drawn = torso({ dense });
    const lungs = found(drawn.volume);
    const { dice, held } = overlap(lungs.mask.data, drawn.lungs, drawn.volume);
    assert.ok(has(lungs, "dense-border"), lungs.flags.join());
    assert.ok(
      held(lungs.box, 0) > 0.99 && held(lungs.box, 10) > 0.999,
      `${held(lungs.box, 0)}, ${held(lungs.box, 10)}`,
    );
    assert.ok(dice > 0.85, `Dice ${dice}`);
  });
}

test("findLungs: lungs that end without tapering, dense below, get a box that reaches lower", () => {
  const drawn = torso({ denseBelow: -55 });
  const lungs = found(drawn.volume);
  assert.ok(has(lungs, "widened") && !lungs.complete, lungs.flags.join());
  const { held } = overlap(lungs.mask.data, drawn.lungs, drawn.volume);
  assert.ok(held(lungs.box, 10) > 0.99, `${held(lungs.box, 10)}`);
});

for (const white of ["right", "left"] as const) {
  test(`findLungs: a ${white} lung without air is missed, flagged and kept in the box`, () => {
    const drawn = torso({ white });
    const lungs = found(drawn.volume);
    assert.ok(has(lungs, "one-lung", "widened"), lungs.flags.join());
    assert.equal(white === "right" ? lungs.rightMl : lungs.leftMl, 0);
    assert.ok(!lungs.complete);
    const { held } = overlap(lungs.mask.data, drawn.lungs, drawn.volume);
    assert.ok(held(lungs.box, 10) > 0.99, `${held(lungs.box, 10)}`);
  });
}

const seen: [string, TorsoOptions, LungFlag[]][] = [
  ["whose scan ends below their top", { centre: [0, 0, -40], view: [180, 130, 110] }, ["cut-above"]],
  ["whose scan begins above their base", { centre: [0, 0, 90], view: [180, 130, 100] }, ["cut-below"]],
  ["that the image cuts at the sides", { view: [100, 130, 150] }, ["cut-aside"]],
  ["that a circle of padding -2000 cuts", { circle: 110, padding: -2000 }, ["cut-aside"]],
];
for (const [name, options, flags] of seen) {
  test(`findLungs: lungs ${name} are found, flagged and not complete`, () => {
    const drawn = torso(options);
    const lungs = found(drawn.volume);
    assert.ok(has(lungs, ...flags), lungs.flags.join());
    assert.ok(!lungs.complete);
    const inPicture = drawn.lungs.map((label, i) => (drawn.volume.data[i] === -2000 ? 0 : label));
    const { dice, held } = overlap(lungs.mask.data, inPicture, drawn.volume);
    assert.ok(dice > 0.9 && held(lungs.box, 10) > 0.99, `Dice ${dice}, in the box ${held(lungs.box, 10)}`);
  });
}

const scanners: [string, TorsoOptions][] = [
  ["padding -3024 outside of the circle", { circle: 160, padding: -3024 }],
  ["values 24 HU too high", { offset: 24 }],
  ["values 24 HU too low, cut at -1024", { offset: -24 }],
  ["lung of -930 HU, as in emphysema", { lungHu: -930 }],
  ["lung of -500 HU, as in ground glass", { lungHu: -500 }],
  ["slices of 10 mm", { spacing: [2, 2, 10] }],
  ["voxels of 1.3 x 1.3 x 5 mm", { spacing: [1.3, 1.3, 5] }],
  ["no table", { table: false }],
  ["arms beside the trunk", { arms: true, view: [205, 150, 150] }],
  ["noise of 60 HU", { noise: 60 }],
];
for (const [name, options] of scanners) {
  test(`findLungs: ${name}: the same lungs`, () => {
    const drawn = torso(options);
    const lungs = found(drawn.volume);
    const { dice, held } = overlap(lungs.mask.data, drawn.lungs, drawn.volume);
    assert.ok(dice > 0.93, `Dice ${dice}`);
    assert.ok(held(lungs.box, 10) > 0.998, `in the box ${held(lungs.box, 10)}`);
  });
}

test("findLungs: NaN and infinities count as not measured", () => {
  const drawn = torso({ circle: 160, padding: -3024 });
  const data = Float32Array.from(drawn.volume.data, (hu, i) =>
    hu === -3024 ? ([NaN, Infinity, -Infinity][i % 2] ?? NaN) : hu,
  );
  const lungs = found({ ...drawn.volume, data });
  assert.ok(overlap(lungs.mask.data, drawn.lungs, drawn.volume).dice > 0.93);
});

test("findLungs: the same lungs in every orientation, each in its own voxels", () => {
  const drawn = torso();
  const upright = found(drawn.volume);
  for (const code of ["RAS", "LAI", "SPL", "ARI"]) {
    const lungs = found(reorient(drawn.volume, code));
    assert.equal(orientationCode(lungs.mask), code);
    assert.deepEqual(reorient(lungs.mask, "LPS").data, upright.mask.data, code);
    const { volume } = cropTo(reorient(drawn.volume, code), lungs.box);
    const back = reorient(volume, "LPS");
    const expected = cropTo(drawn.volume, upright.box).volume;
    assert.deepEqual([back.shape, back.data], [expected.shape, expected.data], code);
    assertClose(back.origin, expected.origin, 1e-9, code);
    assert.deepEqual(lungs.flags, upright.flags);
  }
});

test("findLungs: a box that was widened is widened to the same side in a reoriented scan", () => {
  const { volume } = torso({ white: "left" });
  const expected = cropTo(volume, found(volume).box).volume;
  const turned = reorient(volume, "SRA");
  const back = reorient(cropTo(turned, found(turned).box).volume, "LPS");
  assert.deepEqual([back.shape, back.data], [expected.shape, expected.data]);
});

test("findLungs: a belly with gas, a block, air and single voxels have no lungs, and the result says why", () => {
  const belly = findLungs(
    torso({ lungs: false, stomachGas: true, centre: [0, 0, -120], view: [200, 150, 80] }).volume,
  );
  assert.deepEqual({ ...belly }, { found: false, reason: "no-lung", totalMl: 0 });
  const uniform = (value: number, shape: Triple): Volume => ({
    ...torso({ spacing: [50, 50, 50] }).volume,
    shape,
    spacing: [2, 2, 2],
    data: new Int16Array(shape[0] * shape[1] * shape[2]).fill(value),
  });
  for (const shape of [
    [60, 50, 40],
    [60, 50, 1],
    [1, 1, 1],
    [1, 40, 3],
  ] as Triple[]) {
    for (const value of [-1000, -1024, -3024]) {
      assert.deepEqual(
        findLungs(uniform(value, shape)),
        { found: false, reason: "no-body", totalMl: 0 },
        `${value} HU`,
      );
    }
    assert.equal(findLungs(uniform(40, shape)).found, false);
    assert.equal(findLungs(uniform(-850, shape)).found, false);
  }
});

test("findLungs: the tips of the lungs alone, less than 100 ml, are too little", () => {
  const tips = findLungs(torso({ centre: [0, 0, 190], view: [200, 150, 70] }).volume);
  assert.ok(
    !tips.found && tips.reason === "too-little" && tips.totalMl > 0 && tips.totalMl < 100,
    `${tips.totalMl} ml`,
  );
});

test("findLungs: 60 seeded volumes of noise give a result, with boxes that can be cropped to", () => {
  const random = seeded(12);
  const types = [Int16Array, Uint8Array, Float32Array, Int32Array];
  for (let round = 0; round < 60; round++) {
    const shape = [0, 1, 2].map(() => 1 + Math.floor(random() ** 2 * 40)) as Triple;
    const Type = types[round % 4] ?? Int16Array;
    const levels = [-3024, -1024, -1000, -850, -400, 40, 800, 30000];
    let level = -1000;
    const data = new Type(shape[0] * shape[1] * shape[2]).map(() => {
      if (random() < 0.03) level = levels[Math.floor(random() * levels.length)] ?? 0;
      return level + 20 * random();
    });
    const spacing = [0, 1, 2].map(() => 0.3 + random() ** 3 * 30) as Triple;
    const { origin, direction } = obliqueVolume(new Int8Array(1), [1, 1, 1]);
    const volume: Volume = { data, shape, spacing, origin, direction, unit: "HU" };
    const lungs = findLungs(volume);
    if (lungs.found) assert.ok(cropTo(volume, lungs.box, { margin: 5 }).volume.data.length > 0);
  }
});

test("findLungs refuses values that are not HU, with a remedy, and invalid volumes", () => {
  const { volume } = torso({ spacing: [20, 20, 20] });
  assert.throws(
    () => findLungs({ ...volume, unit: "arbitrary" }),
    (error) => error instanceof RegionError && /your own mask/.test(error.remedy),
  );
  assert.throws(() => findLungs({ ...volume, shape: [3, 3, 3] }), VolumeArgumentError);
});

test("findLungs does not modify the scan", () => {
  const { volume } = torso({ spacing: [6, 6, 6] });
  const before = volume.data.slice();
  findLungs(volume);
  assert.deepEqual(volume.data, before);
});
