import { before, test } from "node:test";
import { scratch, tinyDataset } from "../../train/support.js";
import { survivesKills } from "./kills.js";

const folder = scratch();
let data = "";
before(async () => void (data = await tinyDataset(folder)));

test("fifty kills of the controller or a trial: nothing is lost, nothing runs twice at once, finished trials are not redone", () =>
  survivesKills(folder, data, 50));
