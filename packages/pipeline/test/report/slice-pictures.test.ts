/** Pictures of scans in the report: millimetres, side, slice number and window. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Volume } from "@slicestack/volume";
import type { Dataset } from "../../src/data/store.js";
import { hasOrientation, slicePicture, viewText } from "../../src/report/slice-pictures.js";
import { decoded, part, preparedSet } from "../inspect/support.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-slice-pictures-"));
after(() => rmSync(folder, { recursive: true }));

/** 40 x 30 x 6 voxels of 2 x 1 x 3 mm, air; bright where the patient's right is. Its x axis runs to the right: RPS. */
function rightIsBright(): Volume {
  const shape = [40, 30, 6] as const;
  const data = new Int16Array(40 * 30 * 6).fill(-1000);
  for (let k = 0; k < data.length; k++) if (k % 40 >= 30) data[k] = 400;
  return {
    data,
    shape: [...shape],
    spacing: [2, 1, 3],
    origin: [0, 0, 0],
    direction: [-1, 0, 0, 0, 1, 0, 0, 0, 1],
    unit: "HU",
  };
}

async function picture(dataset: Dataset, chosen: readonly number[], columns = 3) {
  const options = { window: [-1000, 400] as const, longest: 160, columns };
  const { source } = await slicePicture(dataset, { ...dataset.volumes[0]! }, chosen, options);
  return decoded(Buffer.from(source.slice(source.indexOf(",") + 1), "base64"));
}

test("80 x 30 mm are drawn 80 to 30, whatever the stored pixels; the patient's right is on the left", async () => {
  const { dataset } = await preparedSet(folder, { a: rightIsBright(), b: rightIsBright() });
  assert.ok(hasOrientation(dataset));
  const one = await picture(dataset, [5]);
  assert.deepEqual([one.width, one.height], [160, 60]);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  assert.ok(mean(part(one, 14, 2, 10, 10)) > 200, "bright on the left");
  assert.ok(mean(part(one, 100, 2, 50, 40)) < 5, "air on the right");
  const three = await picture(dataset, [0, 5, 11], 2);
  assert.deepEqual([three.width, three.height], [2 * 163 - 3, 2 * 63 - 3]);
});

test("side and number are written on the slice; where the sides are unknown there is no R", async () => {
  const dark = { ...rightIsBright(), data: new Int16Array(40 * 30 * 6).fill(-1000) };
  const { dataset } = await preparedSet(join(folder, "dark"), { a: dark, b: dark });
  const withSide = await picture(dataset, [2]);
  const [side, number] = [part(withSide, 0, 22, 14, 16), part(withSide, 0, 44, 40, 16)];
  assert.ok(Math.max(...side) > 150 && Math.max(...number) > 150);
  assert.ok(Math.max(...part(withSide, 50, 0, 110, 60)) === 0, "nothing else is written");
  assert.equal(viewText(dataset, [-1000, 400]), "window −1000 to 400 HU; R: the patient's right");
  const array: Dataset = {
    ...dataset,
    info: { ...dataset.info, recipe: { ...dataset.info.recipe, orientation: "as stored" } },
  };
  assert.ok(Math.max(...part(await picture(array, [2]), 0, 22, 14, 16)) === 0);
  assert.match(viewText(array, [0, 1]), /sides are unknown/);
});
