import test from "node:test";
import { assertKeepsDenseBack, dicomSeries, found, withoutDicom } from "./real-scans.js";

test(
  "real chest philips_chest_5mm: with 40 mm of its back consolidated, 99.8 % of the lungs stay in the box and 10 mm",
  { skip: withoutDicom },
  async () => {
    const volume = await dicomSeries("philips_chest_5mm");
    assertKeepsDenseBack(volume, found(volume));
  },
);
