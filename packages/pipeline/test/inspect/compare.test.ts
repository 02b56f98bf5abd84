import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { reorient, type Volume } from "@slicestack/volume";
import { writeNifti } from "@slicestack/volume/node";
import { prepare } from "../../src/tasks/prepare.js";
import { openDataset, type Dataset } from "../../src/data/store.js";
import type { VolumeRecord } from "../../src/data/volume-record.js";
import { compareWithSource, type ComparedVolumes, type Comparison } from "../../src/inspect/compare.js";
import { InspectError } from "../../src/inspect/errors.js";
import { identityOf } from "../../src/inspect/identity.js";
import { inspect } from "../../src/tasks/inspect.js";
import { temporaryFolder } from "../data/temporary.js";
import { sampleSlices } from "./world-sampling.js";
import { decoded, phantom, preparedSet, sharedData } from "./support.js";

const identity = identityOf({ saltFile: "unused" });

async function comparisons(dataset: Dataset, source: string): Promise<Comparison[]> {
  const all: Comparison[] = [];
  for (const record of dataset.volumes) {
    const compared = await compareWithSource(dataset, record, { source, identity });
    assertDifferenceIsIndependent(compared, record);
    all.push(compared.comparison);
  }
  return all;
}

/** The difference that inspect reports is the one by the oracle, which shares no code with prepare. */
function assertDifferenceIsIndependent(
  { source, prepared, difference }: ComparedVolumes,
  { crop, id }: VolumeRecord,
): void {
  const plane = prepared.shape[0] * prepared.shape[1];
  let largest = 0;
  [...sampleSlices(source, prepared, { box: crop, smooth: true })].forEach((slice, k) =>
    slice.forEach((value, pixel) => {
      const at = k * plane + pixel;
      largest = Math.max(largest, Math.abs(prepared.data[at]! - value - difference[at]!));
    }),
  );
  assert.ok(largest < 1e-2, `${id}: the oracle differs by ${largest}`);
}

function assertFits({ id, sameFile, geometry, difference, withinRounding }: Comparison): void {
  assert.ok(sameFile && withinRounding, `${id}: ${difference.largest}`);
  assert.ok(difference.largest <= 0.52, `${id}: ${difference.largest}`);
  assert.ok(
    geometry !== null && geometry.originMm < 1e-4 && geometry.spacingMm < 1e-6 && geometry.direction < 1e-6,
  );
}

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

test("the source at the stored world places gives the stored voxels within rounding: any orientation, oblique, smaller and larger grids", async (t) => {
  const lps = phantom();
  const volumes = {
    lps,
    rai: reorient(lps, "RAI"),
    spl: reorient(lps, "SPL"),
    oblique: oblique(lps),
    turned: reorient(oblique(lps), "PIR"),
  };
  const { dataset, source } = await preparedSet(temporaryFolder(t), volumes);
  for (const one of await comparisons(dataset, source)) assertFits(one);
  const larger = await preparedSet(temporaryFolder(t), volumes, { size: [96, 70], depth: "native" });
  for (const one of await comparisons(larger.dataset, larger.source)) assertFits(one);
});

test("the same through a crop to the lungs, whose borders are where averaging ends", async (t) => {
  const { dataset, source } = await preparedSet(
    temporaryFolder(t),
    { a: phantom("LAS"), b: reorient(phantom("LPS", 7), "RPI") },
    { crop: "lung", margin: 5 },
  );
  assert.ok(dataset.volumes.every(({ crop }) => crop !== null));
  for (const one of await comparisons(dataset, source)) assertFits(one);
});

test("an index that is wrong is found: moved by half a voxel, mirrored, another crop, another spacing", async (t) => {
  const { dataset, source } = await preparedSet(temporaryFolder(t), { a: phantom() }, { crop: "body" });
  const [record] = dataset.volumes as [VolumeRecord];
  const { geometry, crop } = record;
  const [x, y, z] = geometry.origin;
  const wrong: Record<string, VolumeRecord> = {
    moved: { ...record, geometry: { ...geometry, origin: [x + geometry.spacing[0] / 2, y, z] } },
    raised: { ...record, geometry: { ...geometry, origin: [x, y, z + geometry.spacing[2]] } },
    coarser: {
      ...record,
      geometry: {
        ...geometry,
        spacing: [geometry.spacing[0] * 1.05, geometry.spacing[1], geometry.spacing[2]],
      },
    },
    cropped: { ...record, crop: [...crop!.slice(0, 4), crop![4]! + 2, crop![5]!] },
  };
  for (const [name, changed] of Object.entries(wrong)) {
    const compared = await compareWithSource(dataset, changed, { source, identity });
    assertDifferenceIsIndependent(compared, changed);
    const { comparison } = compared;
    assert.ok(
      !comparison.withinRounding && comparison.difference.largest > 5,
      `${name}: ${comparison.difference.largest}`,
    );
  }
  const mirrored = {
    ...record,
    geometry: {
      ...geometry,
      direction: geometry.direction.map((value, k) => (k % 3 === 0 ? -value : value)),
    },
  };
  await assert.rejects(
    compareWithSource(dataset, mirrored, { source, identity }),
    /axis x .* 180\.0 degrees/,
  );
});

test("another file under the name of the source is told by its hash, a moved one by its geometry", async (t) => {
  const folder = temporaryFolder(t);
  const volume = phantom();
  const { dataset, source } = await preparedSet(folder, { a: volume });
  const other = join(folder, "other");
  cpSync(source, other, { recursive: true });
  await writeNifti(join(other, "a.nii.gz"), {
    ...volume,
    origin: [volume.origin[0] + 30, volume.origin[1], volume.origin[2]],
  });
  const [moved] = await comparisons(dataset, other);
  assert.ok(moved && !moved.sameFile && !moved.withinRounding);
  assert.ok(Math.abs(moved.geometry!.originMm - 30) < 1e-3);
  // The one file by itself will do, whatever it is called.
  cpSync(join(source, "a.nii.gz"), join(folder, "elsewhere.nii.gz"));
  const [same] = await comparisons(dataset, join(folder, "elsewhere.nii.gz"));
  assertFits(same!);
  await writeNifti(join(other, "b.nii.gz"), volume);
  await assert.rejects(
    compareWithSource(
      dataset,
      { ...dataset.volumes[0]!, source: "gone.nii.gz" },
      { source: other, identity },
    ),
    (error) => error instanceof InspectError && /none of its 2 volumes is gone\.nii\.gz/.test(error.message),
  );
});

test("the picture: source, prepared slices and difference beside each other; what differs is red where it is more", async (t) => {
  const folder = temporaryFolder(t);
  const { dataset, source } = await preparedSet(folder, { a: phantom() }, { size: [48, 48], depth: 8 });
  const file = join(folder, "c.png");
  const options = {
    path: dataset.directory,
    id: "a",
    source,
    comparison: file,
    slices: 4,
    tile: 96,
    overwrite: true,
  };
  const { comparison, files } = await inspect(options);
  assert.ok(comparison?.withinRounding);
  assert.deepEqual(files, [file]);
  const same = await decoded(readFileSync(file), 3);
  const colours = (picture: typeof same) => {
    let [red, blue] = [0, 0];
    for (let i = 0; i < picture.data.length; i += 3) {
      const [r, g, b] = [picture.data[i]!, picture.data[i + 1]!, picture.data[i + 2]!];
      if (r > g + 60 && r > b + 60) red++;
      if (b > r + 60) blue++;
    }
    return { red, blue };
  };
  assert.deepEqual(colours(same), { red: 0, blue: 0 });
  assert.ok(same.width >= 3 * 96 && same.height >= 4 * 96);
  // 100 HU more in the upper half of every stored slice.
  const slices = join(dataset.directory, "slices.npy");
  const bytes = readFileSync(slices);
  const voxels = new Int16Array(
    bytes.buffer.slice(bytes.byteOffset + dataset.slicesOffset, bytes.byteOffset + bytes.length),
  );
  for (let i = 0; i < voxels.length; i++) if (i % (48 * 48) < 48 * 24) voxels[i] = voxels[i]! + 100;
  writeFileSync(
    slices,
    Buffer.concat([bytes.subarray(0, dataset.slicesOffset), new Uint8Array(voxels.buffer)]),
  );
  const changed = await inspect(options);
  assert.ok(
    !changed.comparison!.withinRounding && Math.abs(changed.comparison!.difference.largest - 100) < 1,
  );
  const { red, blue } = colours(await decoded(readFileSync(file), 3));
  assert.equal(blue, 0);
  assert.ok(Math.abs(red - 4 * 96 * 48) < 4 * 96 * 4, `${red} red pixels`);
});

test(
  "a real DICOM series, cropped to the lungs and hidden behind a hash, is found again among others and fits",
  {
    skip: existsSync(join(sharedData, "dicom_lung_pet_ct_dx"))
      ? false
      : "no real DICOM files at ../shared/data",
  },
  async (t) => {
    const folder = temporaryFolder(t);
    const source = join(sharedData, "dicom_lung_pet_ct_dx");
    const labels = join(folder, "labels.csv");
    writeFileSync(labels, "id,label\nsiemens_thorax_8mm,1\n");
    const saltFile = join(folder, "salt");
    await prepare({
      source,
      destination: join(folder, "set"),
      labels,
      saltFile,
      crop: "lung",
      skipUnlabelled: true,
      size: [96, 128],
      depth: 40,
    });
    const dataset = openDataset(join(folder, "set"));
    for (const record of dataset.volumes) {
      const own = identityOf({ saltFile });
      const { comparison } = await compareWithSource(dataset, record, { source, identity: own });
      assertFits(comparison);
      const stranger = { source, identity: identityOf({ saltFile: join(folder, "another") }) };
      await assert.rejects(compareWithSource(dataset, record, stranger), /--salt-file/);
    }
  },
);

test(
  "MedMNIST: an item of the archive is found again without unpacking it, and is the stored one",
  { skip: existsSync(join(sharedData, "adrenalmnist3d")) ? false : "no MedMNIST archive at ../shared/data" },
  async (t) => {
    const folder = temporaryFolder(t);
    const source = join(sharedData, "adrenalmnist3d/adrenalmnist3d.npz");
    // A few volumes.
    await prepare({ source, destination: join(folder, "set"), shard: { index: 1, count: 396 } });
    const dataset = openDataset(join(folder, "set"));
    for (const record of dataset.volumes) {
      const { comparison } = await compareWithSource(dataset, record, { source, identity });
      assert.deepEqual([comparison.sameFile, comparison.difference.largest], [true, 0], record.id);
    }
  },
);
