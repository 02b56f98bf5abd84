import { test } from "node:test";
import { hostileRounds } from "./hostile-run.js";

test("300 seeded mutations of DICOM series: a valid volume or a typed error, in little memory", async () => {
  await hostileRounds(1, 300, 300);
});
