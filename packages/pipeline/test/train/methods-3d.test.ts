/** The 3D models that fit into 8 x 8 x 8 voxels; the deeper ones: methods-3d-deep.test.ts. */
import { methodTest } from "./methods.js";

// Without a momentum the state of 7 million weights is a third as large.
const keys = {
  method: "3d",
  overfit: "true",
  "network.epochs": "1",
  "network.optimizer": "sgd",
  "network.momentum": "0",
};
methodTest("3d simple", { ...keys, "network.model": "simple", "network.size": "[8, 8, 8]" });
methodTest("3d simplebn", {
  ...keys,
  "network.model": "simplebn",
  "network.size": "[8, 8, 8]",
  "network.fit": "pad",
});
