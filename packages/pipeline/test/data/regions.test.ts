import { test } from "node:test";
import { checkPhantomLungs } from "./phantom-lungs.js";

test("findLungs on 10 phantoms, CT-0 to CT-4: the box contains the lungs that the generator drew, and the mask equals them (Dice)", () => {
  checkPhantomLungs(31, 2);
});
