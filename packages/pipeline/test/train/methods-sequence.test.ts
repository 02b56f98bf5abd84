/** 2.5D with the heads that look along the slices, and the one on maps. */
import { methodTest } from "./methods.js";

for (const head of ["noisy_or", "conv1d", "gru", "transformer", "maps_3d"])
  methodTest(`2.5d ${head}`, {
    "head.model": ["noisy_or", "maps_3d"].includes(head) ? head : `{${head}: {width: 8}}`,
    "slice.epochs": "1",
  });
