import assert from "node:assert/strict";
import test from "node:test";
import { cropTo, findBody, findLungs } from "../../src/index.js";
import { withoutReal } from "../fixtures.js";
import {
  assertKeepsDenseBack,
  assertMl,
  dicomSeries,
  found,
  leftward,
  nifti,
  withoutDicom,
} from "./real-scans.js";
import { overlap } from "./torso.js";

const looked = { philips_chest_5mm: [3264, 2407], siemens_thorax_8mm: [1169, 1660] } as const;
for (const [name, [right, left]] of Object.entries(looked)) {
  test(
    `real chest ${name}: two lungs of 2 to 8 litres together, as when its overlay was checked`,
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
}

test(
  "real chest siemens_thorax_8mm: with 40 mm of its back consolidated, 99.8 % of the lungs stay in the box and 10 mm",
  { skip: withoutDicom },
  async () => {
    const volume = await dicomSeries("siemens_thorax_8mm");
    assertKeepsDenseBack(volume, found(volume));
  },
);

test(
  "real chest that the image cuts (aorta_report): both lungs, flagged, 2 to 8 litres",
  { skip: withoutReal },
  async () => {
    const volume = await nifti("aorta_report_test_result_models_ct_cropped");
    const lungs = found(volume);
    assert.ok(lungs.totalMl > 2000 && lungs.totalMl < 8000);
    assertMl(lungs.rightMl, 1324, "right");
    assertMl(lungs.leftMl, 1549, "left");
    assert.deepEqual(lungs.flags, ["cut-above", "cut-aside"]);
    assertKeepsDenseBack(volume, lungs);
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
  "real abdomen (example_ct): the bases of the lungs at its top, flagged; without them no lungs, despite its bowel gas",
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
    assert.ok(!none.found, "bowel gas was detected as lungs");
  },
);

test(
  "real neck (the top of philips_chest_5mm): the tips of the lungs are flagged as cut, above them no lungs are found",
  { skip: withoutDicom },
  async () => {
    const volume = await dicomSeries("philips_chest_5mm");
    const [nx, ny, nz] = volume.shape;
    const tips = found(cropTo(volume, { start: [0, 0, 45], end: [nx, ny, nz] }).volume);
    assert.ok(
      tips.flags.includes("cut-below") && tips.flags.includes("small") && !tips.complete,
      tips.flags.join(),
    );
    assert.equal(findLungs(cropTo(volume, { start: [0, 0, 57], end: [nx, ny, nz] }).volume).found, false);
  },
);
