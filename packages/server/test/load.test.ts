import { before, test } from "node:test";
import { survivesLoad } from "./load.js";
import { scratch, trainedModel, type Trained } from "./support.js";

let trained: Trained;
before(async () => {
  trained = await trainedModel(scratch());
});

test("two hundred clients for 10 seconds: none is lost, none is done twice, memory is bounded", () =>
  survivesLoad(trained, 10));
