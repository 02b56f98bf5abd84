import { test } from "node:test";
import { checkPhantomLungs } from "./phantom-lungs.js";

for (const seed of [11, 12, 13, 14]) {
  test(`findLungs on 50 and more phantoms of seed ${seed}, ten of each grade and some twice: box and mask`, () => {
    checkPhantomLungs(seed, 10);
  });
}
