import { test } from "node:test";
import { checkPhantomLungs } from "./phantom-lungs.js";

for (const seed of [11, 12, 13, 14]) {
  test(`findLungs on at least 50 phantoms of seed ${seed}, ten of each grade and some repeated: box and mask`, () => {
    checkPhantomLungs(seed, 10);
  });
}
