/** The 3D models that halve their input five times, and the one of slices. */
import { methodTest } from "./methods.js";

const keys = { method: "3d", overfit: "true", "network.epochs": "1" };
methodTest("3d simple_modular", {
  ...keys,
  "network.model": "simple_modular",
  "network.size": "[32, 32, 32]",
});
methodTest("3d attn", {
  ...keys,
  "network.model": "attn",
  "network.size": "[32, 32, 32]",
  "network.fit": "pad",
});
methodTest("3d volume_cnn", { ...keys, "network.model": "volume_cnn" });
