import { test } from "node:test";
import { hostileRounds } from "./hostile-run.js";

for (let seed = 100; seed < 110; seed++) {
  test(`1000 seeded mutations of DICOM series, seed ${seed}: a valid volume or a typed error, in little memory`, async () => {
    await hostileRounds(seed, 1000, 1800);
  });
}

for (let seed = 200; seed < 204; seed++) {
  test(`500 seeded mutations of compressed DICOM series, seed ${seed}: a valid volume or a typed error`, async () => {
    await hostileRounds(seed, 500, 1800, "^(rle|jpeg|htj2k|frames|deflated)");
  });
}
