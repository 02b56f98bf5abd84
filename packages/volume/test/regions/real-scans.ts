import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { findLungs, voxelToWorld, type LungsFound, type Volume } from "../../src/index.js";
import { readNifti } from "../../src/node.js";
import { realFolder, seeded, temporaryFolder } from "../fixtures.js";
import { overlap } from "./torso.js";

const root = new URL("../../../../../", import.meta.url).pathname;
const dicomFolder = join(root, "..", "shared", "data", "dicom_lung_pet_ct_dx");
/** Why the DICOM series cannot be tested here, or false. */
export const withoutDicom = ((): string | false => {
  if (!existsSync(dicomFolder)) return "no real DICOM series at ../shared/data/dicom_lung_pet_ct_dx";
  try {
    execFileSync("/usr/bin/python3", ["-c", "import nibabel, pydicom"], { stdio: "ignore" });
    return false;
  } catch {
    return "python3-pydicom or python3-nibabel is not installed";
  }
})();

const series = new Map<string, Promise<Volume>>();

/** Read by pydicom, written by nibabel (fixtures/volume/_dicom_series.py); once for all tests. */
export function dicomSeries(name: string): Promise<Volume> {
  const read = async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "series.nii");
    const script = join(root, "fixtures", "volume", "_dicom_series.py");
    execFileSync("/usr/bin/python3", [script, join(dicomFolder, name), path]);
    return await readNifti(path);
  };
  const known = series.get(name) ?? read();
  series.set(name, known);
  return known;
}

/** A TotalSegmentator volume. */
export const nifti = (name: string) => readNifti(join(realFolder, `tests_reference_files_${name}.nii.gz`));

export function found(volume: Volume): LungsFound {
  const lungs = findLungs(volume);
  assert.ok(lungs.found, lungs.found ? "" : lungs.reason);
  return lungs;
}

export function assertMl(actual: number, expected: number, what: string): void {
  assert.ok(
    Math.abs(actual / expected - 1) < 0.03,
    `${what}: ${actual} ml, ${expected} ml when the overlay was checked`,
  );
}

/** How far to the patient's left the middle of a label lies, in mm. */
export function leftward(mask: Volume, label: number): number {
  const [nx] = mask.shape;
  let [sum, count] = [0, 0];
  for (let i = 0; i < mask.data.length; i++) {
    if (mask.data[i] !== label) continue;
    sum += i % nx;
    count++;
  }
  return voxelToWorld(mask, sum / count, 0, 0)[0];
}

/** The same scan with 40 mm of the lungs' back as dense as muscle, column by column. */
export function consolidated(volume: Volume, mask: Volume): Volume {
  const data = volume.data.slice();
  const [nx, ny, nz] = volume.shape;
  const towardsBack = (volume.direction[4] as number) > 0;
  const random = seeded(3);
  for (let z = 0; z < nz; z++) {
    for (let x = 0; x < nx; x++) {
      let last = -1;
      for (let step = 0; step < ny; step++) {
        const y = towardsBack ? ny - 1 - step : step;
        const i = x + nx * (y + ny * z);
        if (mask.data[i] === 0) continue;
        if (last < 0) last = step;
        if ((step - last) * volume.spacing[1] < 40) data[i] = 30 + Math.round(40 * (random() - 0.5));
      }
    }
  }
  return { ...volume, data };
}

/** 40 mm of the lungs' back become dense: 99.8 % of the lungs must stay in the box and 10 mm. */
export function assertKeepsDenseBack(volume: Volume, healthy: LungsFound): void {
  const lungs = found(consolidated(volume, healthy.mask));
  assert.ok(lungs.flags.includes("dense-border"), lungs.flags.join());
  const held = overlap(lungs.mask.data, healthy.mask.data, volume).held(lungs.box, 10);
  assert.ok(held > 0.998, `${held}`);
}
