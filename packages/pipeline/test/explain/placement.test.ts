/** Maps back to where their voxels came from: the stored grid by hand, the source scan by a ball that was put into it. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { arange, fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import { reorient, voxelToWorld, worldToVoxel, type Triple, type Volume } from "@slicestack/volume";
import { readNifti, writeNifti } from "@slicestack/volume/node";
import "../../src/models/catalogue.js";
import { mapsToVolume, slicesToVolume, voxelsToVolume, type SliceGrid } from "../../src/explain/placement.js";
import { mapInSource } from "../../src/explain/source-map.js";
import { readStored } from "../../src/data/store.js";
import type { VolumeRecord } from "../../src/data/volume-record.js";
import { SliceStore } from "../../src/input/slices.js";
import { datasetSource } from "../../src/input/source.js";
import { sliceTransform, volumeTransform } from "../../src/input/of-config.js";
import { VolumeStore } from "../../src/input/volumes.js";
import { temporaryFolder } from "../data/temporary.js";
import { phantom, preparedSet } from "../inspect/support.js";
import { close, config, threeD, leakFree, randomDataset } from "../models/support.js";

const gridOf = (store: SliceStore, stored: [number, number]): SliceGrid => ({
  transform: store.transform,
  stored,
  rows: store.count / (store.transform.planes === "three" ? 3 : 1),
});

leakFree(
  "neighbours and windows: the gradient of a sum of what the model sees, weighted, is what comes back",
  (folder) => {
    // Values within all windows, so that nothing is cut and the input is linear in the stored voxels.
    const dataset = randomDataset(folder, [4, 5], [6, 8]);
    const run = config({
      "transform.windows": "[[-2000, 1000], [-1500, 2000]]",
      "transform.neighbours": "3",
    });
    using store = new SliceStore(datasetSource(dataset), sliceTransform(run, dataset, "cpu"));
    const volume = dataset.volumes[1]!;
    const slices = store.slicesOf(volume);
    const weight = arange(0, slices.length * 6 * 48, 1, { dtype: "float32" })
      .view(slices.length, 6, 6, 8)
      .sin();
    const placed = slicesToVolume(weight, slices, volume, gridOf(store, [6, 8]));
    assert.deepEqual(placed.shape, [5, 6, 8]);
    const values = weight.toArray();
    const at = (slice: number, channel: number, pixel: number) => values[(slice * 6 + channel) * 48 + pixel]!;
    placed.toArray().forEach((found, i) => {
      const [z, pixel] = [Math.floor(i / 48), i % 48];
      let wanted = 0;
      for (let slice = 0; slice < 5; slice++)
        for (let channel = 0; channel < 6; channel++) {
          const shown = Math.min(4, Math.max(0, slice + (channel % 3) - 1));
          if (shown === z) wanted += at(slice, channel, pixel);
        }
      assert.ok(Math.abs(found - wanted) < 1e-4, `${z}, ${pixel}`);
    });
  },
);

leakFree(
  "slices that a model did not see have 0; resized ones come back to the stored size, their mass in place",
  (folder) => {
    const dataset = randomDataset(folder, [6], [16, 24]);
    using store = new SliceStore(
      datasetSource(dataset),
      sliceTransform(config({ "slice.size": "[8, 12]" }), dataset, "cpu"),
    );
    const [volume] = dataset.volumes as [VolumeRecord];
    const map = spot([2, 8, 12], [1, 5, 3]);
    const placed = mapsToVolume(map, [1, 4], volume, gridOf(store, [16, 24]));
    assert.deepEqual(placed.shape, [6, 16, 24]);
    const [z, y, x] = centre(placed);
    assert.ok(
      Math.abs(z - 4) < 1e-6 && Math.abs(y - 10.5) < 1e-4 && Math.abs(x - 6.5) < 1e-4,
      `${z} ${y} ${x}`,
    );
  },
);

/** 1 at one place. */
function spot(shape: number[], place: readonly number[]): Tensor {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  values[place.reduce((at, k, axis) => at * shape[axis]! + k, 0)] = 1;
  return fromTypedArray(values, shape);
}

/** Of the mass of a map, in its own axes. */
function centre(map: Tensor): Triple {
  const total = map.sum().item();
  const along = map.shape.map((length, axis) => {
    const others = map.shape.map((_, k) => k).filter((k) => k !== axis);
    return (
      scope(() =>
        map
          .sum(others)
          .mul(arange(0, length, 1, { dtype: "float32" }))
          .sum()
          .item(),
      ) / total
    );
  });
  return along as Triple;
}

leakFree("three planes: what the model sees of a voxel in each plane comes back to that voxel", (folder) => {
  // As many slices as rows and columns, so that each plane has each voxel.
  const dataset = randomDataset(folder, [12], [12, 12]);
  using store = new SliceStore(
    datasetSource(dataset),
    sliceTransform(config({ "transform.planes": "three" }), dataset, "cpu"),
  );
  const [volume] = dataset.volumes as [VolumeRecord];
  const slices = store.slicesOf(volume);
  const unit = store.unit(slices);
  // The unit itself, placed back and added up: three times what the axial slices show.
  const placed = slicesToVolume(unit, slices, volume, gridOf(store, [12, 12]));
  close(placed, unit.narrow(0, 0, 12).squeeze(1).mul(3), 1e-5);
  close(
    mapsToVolume(unit.squeeze(1), slices, volume, gridOf(store, [12, 12])),
    unit.narrow(0, 0, 12).squeeze(1),
    1e-5,
  );
});

leakFree("3D input: resized, padded and cut volumes come back to the stored grid", (folder) => {
  const dataset = randomDataset(folder, [10], [12, 14]);
  const [volume] = dataset.volumes as [VolumeRecord];
  using plain = new VolumeStore(
    datasetSource(dataset),
    volumeTransform(threeD({ "transform.window": "[-1200, 600]" }), dataset, "cpu"),
  );
  const whole_SHW = scope(() => plain.unit([volume]).view(12, 14, 10).permute(2, 0, 1).contiguous());
  for (const size of ["[16, 14, 7]", "[9, 20, 11]"]) {
    const run = threeD({ "network.size": size, "network.fit": "pad", "transform.window": "[-1200, 600]" });
    using store = new VolumeStore(datasetSource(dataset), volumeTransform(run, dataset, "cpu"));
    const seen_HWD = scope(() => store.unit([volume]).squeeze(0).squeeze(0));
    const back = voxelsToVolume(seen_HWD, volume, store.transform, [12, 14]);
    // What was seen is where it was, what was cut away is 0.
    const [values, wanted] = [back.toArray(), whole_SHW.toArray()];
    const same = values.filter((value, i) => value !== 0 && Math.abs(value - wanted[i]!) < 1e-6).length;
    const [h, w, d] = JSON.parse(size) as Triple;
    const kept = Math.min(h, 12) * Math.min(w, 14) * Math.min(d, 10);
    const dark = wanted.filter((value) => value === 0).length; // air itself
    assert.ok(
      same >= kept - dark && values.every((value, i) => value === 0 || Math.abs(value - wanted[i]!) < 1e-6),
      size,
    );
  }
  const run = threeD({ "network.size": "[24, 28, 20]" });
  using store = new VolumeStore(datasetSource(dataset), volumeTransform(run, dataset, "cpu"));
  const back = voxelsToVolume(spot([24, 28, 20], [9, 21, 6]), volume, store.transform, [12, 14]);
  const [z, y, x] = centre(back);
  assert.ok(
    Math.abs(z - 2.75) < 0.3 && Math.abs(y - 4.25) < 0.3 && Math.abs(x - 10.25) < 0.3,
    `${z} ${y} ${x}`,
  );
});

/** Turned by 20 degrees about the long axis and 10 about the one from side to side. */
function oblique(volume: Volume): Volume {
  const [a, b] = [Math.cos(0.35), Math.sin(0.35)];
  const [c, d] = [Math.cos(0.17), Math.sin(0.17)];
  return {
    ...volume,
    origin: [-37.5, 12.25, -480],
    direction: [a, -b * c, b * d, b, a * c, -a * d, 0, d, c],
  };
}

/** The volume with a ball of 3000 HU, soft at its edge. @param centre in voxels */
function withBall(volume: Volume, middle: Triple, mm: number): Volume {
  const data = Int16Array.from(volume.data as Int16Array);
  const [nx, ny, nz] = volume.shape;
  for (let z = 0, i = 0; z < nz; z++)
    for (let y = 0; y < ny; y++)
      for (let x = 0; x < nx; x++, i++) {
        const off = Math.hypot(
          ...[x - middle[0], y - middle[1], z - middle[2]].map((d, axis) => d * volume.spacing[axis]!),
        );
        if (off < mm) data[i] = data[i]! + Math.round(1500 * (1 + Math.cos((Math.PI * off) / mm)));
      }
  return { ...volume, data };
}

/** Mean position of a map's mass, LPS mm. */
function worldCentre(map: Volume): Triple {
  const sums = [0, 0, 0, 0];
  const [nx, ny] = map.shape;
  map.data.forEach((value, i) => {
    const at = voxelToWorld(map, i % nx, Math.floor(i / nx) % ny, Math.floor(i / (nx * ny)));
    for (let k = 0; k < 3; k++) sums[k]! += value * at[k]!;
    sums[3]! += value;
  });
  return [sums[0]! / sums[3]!, sums[1]! / sums[3]!, sums[2]! / sums[3]!];
}

/** The same scan in two files: in another orientation, and turned obliquely besides. */
function inTwoWays(lps: Volume): Record<string, Volume> {
  return { rai: reorient(lps, "RAI"), turned: reorient(oblique(lps), "PIR") };
}

/** 1 in a box of voxels. */
function boxMask(volume: Volume, start: Triple, end: Triple): Volume {
  const [nx, ny] = volume.shape;
  const inside = (i: number) =>
    [i % nx, Math.floor(i / nx) % ny, Math.floor(i / (nx * ny))].every(
      (at, k) => at >= start[k]! && at < end[k]!,
    );
  return { ...volume, data: Uint8Array.from(volume.data, (_, i) => (inside(i) ? 1 : 0)) };
}

for (const { name, ...options } of [
  { name: "whole, smaller", size: [24, 32], depth: 12 },
  { name: "whole, larger in plane, its own depth", size: [70, 96], depth: "native" },
  { name: "cropped to the body", size: [24, 32], depth: 12, crop: "body", margin: 4 },
  { name: "cropped to a mask", size: [20, 28], depth: 10, margin: 6, mask: "masks" },
] as const) {
  test(`a ball put into the scan is found there by a map, within half a voxel (${name}): oblique, any orientation`, async (t) => {
    const folder = temporaryFolder(t);
    const lps = phantom("LPS", 7);
    const middle: Triple = [14.3, 24.6, lps.shape[2] * 0.5 + 0.2];
    const [plain, lit] = [inTwoWays(lps), inTwoWays(withBall(lps, middle, 22))];
    const masks = join(folder, "masks");
    mkdirSync(masks);
    const around = inTwoWays(boxMask(lps, [5, 12, 6], [33, 37, lps.shape[2] - 5]));
    for (const [id, mask] of Object.entries(around)) await writeNifti(join(masks, `${id}.nii.gz`), mask);
    const size: [number, number] = [...options.size];
    const recipe = { ...options, size, ...("mask" in options ? { mask: masks } : {}) };
    const { dataset: without } = await preparedSet(join(folder, "plain"), plain, recipe);
    const { dataset } = await preparedSet(join(folder, "lit"), lit, recipe);
    for (const record of dataset.volumes) {
      const before = without.volumes.find(({ id }) => id === record.id)!;
      assert.deepEqual([record.crop, record.geometry], [before.crop, before.geometry], record.id);
      assert.equal(record.crop === null, !("crop" in options || "mask" in options));
      const [bright, dark] = [
        readStored(dataset, record.first, record.count),
        readStored(without, before.first, before.count),
      ];
      const map = Float32Array.from(bright, (value, i) => value - dark[i]!);
      const file = join(folder, `${record.id}.nii.gz`);
      await writeNifti(file, mapInSource(map, record, size));
      const back = await readNifti(file, { unit: "arbitrary" });
      const scan = lit[record.id]!;
      assert.deepEqual([...back.shape].sort(), [...scan.shape].sort());
      // In voxels of the scan as its file has it.
      const found = worldToVoxel(scan, ...worldCentre(back));
      const upright = record.id === "turned" ? oblique(lps) : lps;
      const wanted = worldToVoxel(scan, ...voxelToWorld(upright, ...middle));
      found.forEach((value, axis) =>
        assert.ok(
          Math.abs(value - wanted[axis]!) < 0.5,
          `${record.id}, axis ${axis}: ${value}, wanted ${wanted[axis]}`,
        ),
      );
    }
  });
}
