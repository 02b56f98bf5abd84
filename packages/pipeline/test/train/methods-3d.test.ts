/** Each 3D model, as small as it goes. */
import { methodTest } from "./methods.js";

for (const [model, size] of [
  ["simple", "[8, 8, 8]"],
  ["simplebn", "[8, 8, 8]"],
  ["simple_modular", "[32, 32, 32]"],
  ["attn", "[32, 32, 32]"],
  ["volume_cnn", "null"],
] as const)
  methodTest(`3d ${model}`, { method: "3d", "volume.model": model, "volume.size": size, overfit: "true", "volume.epochs": "1", "volume.optimizer": "sgd", "volume.momentum": "0", "volume.fit": model === "attn" ? "pad" : "resize" }); // prettier-ignore
