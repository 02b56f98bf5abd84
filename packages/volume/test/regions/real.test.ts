import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { cropTo, findBody, findLungs, voxelToWorld, type LungsFound, type Volume } from "../../src/index.js";
import { readNifti } from "../../src/node.js";
import { realFolder, seeded, temporaryFolder, withoutReal } from "../fixtures.js";
import { overlap } from "./torso.js";

const root = new URL("../../../../../", import.meta.url).pathname;
const dicomFolder = join(root, "..", "shared", "data", "dicom_lung_pet_ct_dx");
const withoutDicom = ((): string | false => {
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
function dicomSeries(name: string): Promise<Volume> {
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

const nifti = (name: string) => readNifti(join(realFolder, `tests_reference_files_${name}.nii.gz`));

function found(volume: Volume): LungsFound {
  const lungs = findLungs(volume);
  assert.ok(lungs.found, lungs.found ? "" : lungs.reason);
  return lungs;
}

function assertMl(actual: number, expected: number, what: string): void {
  assert.ok(
    Math.abs(actual / expected - 1) < 0.03,
    `${what}: ${actual} ml, ${expected} ml when the overlay was looked at`,
  );
}

/** How far to the patient's left the middle of a label lies, mm. */
function leftward(mask: Volume, label: number): number {
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
function consolidated(volume: Volume, mask: Volume): Volume {
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

const looked = { philips_chest_5mm: [3264, 2407], siemens_thorax_8mm: [1169, 1660] } as const;
for (const [name, [right, left]] of Object.entries(looked)) {
  test(
    `real chest ${name}: two lungs of 2 to 8 litres together, as when its overlay was looked at`,
    { skip: withoutDicom },
    async () => {
      const volume = await dicomSeries(name);
      const lungs = found(volume);
      assert.ok(lungs.totalMl > 2000 && lungs.totalMl < 8000 && lungs.complete, lungs.flags.join());
      assertMl(lungs.rightMl, right, "right");
      assertMl(lungs.leftMl, left, "left");
      assert.ok(leftward(lungs.mask, 1) < leftward(lungs.mask, 2) - 80);
      const body = findBody(volume);
      assert.ok(body.found);
      const litres =
        body.mask.data.filter((value) => value === 1).length * volume.spacing.reduce((a, b) => a * b) * 1e-6;
      assert.ok(litres > 10 && litres < 40, `${litres} litres of body`);
      const { held } = overlap(body.mask.data, lungs.mask.data.map(Math.sign), volume);
      assert.equal(held(body.box, 0), 1);
    },
  );

  test(
    `real chest ${name}: with 40 mm of its back consolidated, 99.8 % of the lungs stay in the box and 10 mm`,
    { skip: withoutDicom },
    async () => {
      const volume = await dicomSeries(name);
      const { mask } = found(volume);
      const lungs = found(consolidated(volume, mask));
      assert.ok(lungs.flags.includes("dense-border"), lungs.flags.join());
      const { held } = overlap(lungs.mask.data, mask.data, volume);
      assert.ok(held(lungs.box, 10) > 0.998, `${held(lungs.box, 10)}`);
    },
  );
}

test(
  "real chest that the picture cuts (aorta_report): both lungs, flagged, 2 to 8 litres",
  { skip: withoutReal },
  async () => {
    const volume = await nifti("aorta_report_test_result_models_ct_cropped");
    const lungs = found(volume);
    assert.ok(lungs.totalMl > 2000 && lungs.totalMl < 8000);
    assertMl(lungs.rightMl, 1324, "right");
    assertMl(lungs.leftMl, 1549, "left");
    assert.deepEqual(lungs.flags, ["cut-above", "cut-aside"]);
    const sick = found(consolidated(volume, lungs.mask));
    assert.ok(overlap(sick.mask.data, lungs.mask.data, volume).held(sick.box, 10) > 0.998);
  },
);

test(
  "real chest cut on four sides (pulmonary_report): the 1.9 litres of both lungs that it shows, flagged",
  { skip: withoutReal },
  async () => {
    const lungs = found(await nifti("pulmonary_report_models_ct_cropped"));
    assertMl(lungs.rightMl, 877, "right");
    assertMl(lungs.leftMl, 1043, "left");
    assert.deepEqual(lungs.flags, ["cut-above", "cut-aside"]);
    assert.ok(!lungs.complete);
  },
);

test(
  "real abdomen (example_ct): the bases of the lungs at its top, flagged; without them no lungs, for all its bowel gas",
  { skip: withoutReal },
  async () => {
    const volume = await nifti("example_ct");
    const lungs = found(volume);
    assert.ok(
      lungs.flags.includes("cut-above") && lungs.flags.includes("small") && !lungs.complete,
      lungs.flags.join(),
    );
    assert.ok(lungs.totalMl < 200);
    assert.ok(lungs.box.start[2] >= 95 && lungs.box.end[2] === 112, JSON.stringify(lungs.box));
    const { volume: belly } = cropTo(volume, { start: [0, 0, 0], end: [122, 101, 98] });
    const none = findLungs(belly);
    assert.ok(!none.found, "bowel gas was taken for lungs");
  },
);

test(
  "real neck (the top of philips_chest_5mm): the tips of the lungs are flagged as cut, above them there are none",
  { skip: withoutDicom },
  async () => {
    const volume = await dicomSeries("philips_chest_5mm");
    const [nx, ny, nz] = volume.shape;
    const tips = found(cropTo(volume, { start: [0, 0, 45], end: [nx, ny, nz] }).volume);
    assert.ok(tips.flags.includes("cut-below") && tips.flags.includes("small") && !tips.complete, tips.flags.join());
    assert.equal(findLungs(cropTo(volume, { start: [0, 0, 57], end: [nx, ny, nz] }).volume).found, false);
  },
);
