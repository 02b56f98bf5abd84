import type { Dataset } from "../../src/data/store.js";
import type { Geometry, VolumeRecord } from "../../src/data/volume-record.js";

const plain: Geometry = { spacing: [1, 1, 1], origin: [0, 0, 0], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] };

/** A data set without voxels: [id, subject, label] of each volume. */
export function fakeDataset(
  rows: [id: string, subject: string, label: number][],
  hash = "a".repeat(64),
): Dataset {
  const volumes = rows.map(([id, subject, label], i): VolumeRecord => ({
    id,
    subject,
    label,
    first: i,
    count: 1,
    part: null,
    unit: "HU",
    geometry: plain,
    original: { ...plain, shape: [1, 1, 1] },
    crop: null,
    source: `${id}.nii.gz`,
    sha256: "",
    voxelSha256: "",
    meanLungHu: null,
    extra: {},
  }));
  const classes = Math.max(...rows.map((row) => row[2])) + 1;
  return {
    directory: ".",
    slicesPath: "slices.npy",
    slicesOffset: 128,
    volumes,
    info: {
      name: "fake",
      version: 2,
      height: 1,
      width: 1,
      dtype: "int16",
      unit: "HU",
      range: [-1000, 400],
      depth: 1,
      classes: Array.from({ length: classes }, (_, k) => `class_${k}`),
      count: rows.length,
      hash,
      recipe: {},
      versions: {},
    },
  };
}
