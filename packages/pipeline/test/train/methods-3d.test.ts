/** The 3D models that fit into 8 x 8 x 8 voxels; the deeper ones: methods-3d-deep.test.ts. */
import { methodTest } from "./methods.js";

// Without a momentum the state of 7 million weights is a third as large.
const keys = { method: "3d", overfit: "true", "volume.epochs": "1", "volume.optimizer": "sgd", "volume.momentum": "0" };
methodTest("3d simple", { ...keys, "volume.model": "simple", "volume.size": "[8, 8, 8]" });
methodTest("3d simplebn", { ...keys, "volume.model": "simplebn", "volume.size": "[8, 8, 8]", "volume.fit": "pad" });
