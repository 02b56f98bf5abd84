/** The 3D models that halve their input five times, and the one of slices. */
import { methodTest } from "./methods.js";

const keys = { method: "3d", overfit: "true", "volume.epochs": "1" };
methodTest("3d simple_modular", { ...keys, "volume.model": "simple_modular", "volume.size": "[32, 32, 32]" });
methodTest("3d attn", { ...keys, "volume.model": "attn", "volume.size": "[32, 32, 32]", "volume.fit": "pad" });
methodTest("3d volume_cnn", { ...keys, "volume.model": "volume_cnn" });
