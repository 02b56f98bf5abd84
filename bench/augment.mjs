/** Prints slices and volumes per second of augmentation as a JSON line; the same work as `peer_pytorch.py augment`. */
import { availableParallelism } from "node:os";
import { augmentSlices, augmentVolumes } from "../packages/pipeline/dist/src/augment/augment.js";
import "../packages/pipeline/dist/src/models/catalogue.js";
import { augmentPresets } from "../packages/pipeline/dist/src/config/augment.js";
import { Random } from "../packages/stats/dist/src/random.js";
import * as torch from "../packages/torch/dist/src/index.js";
import { median } from "./tools.mjs";

torch.setNumThreads(availableParallelism());
torch.manualSeed(1);
const slices_BCHW = torch.rand([32, 1, 128, 128]);
const volumes_BCHWD = torch.rand([2, 1, 128, 128, 64]);

/** Samples per second: the median of several calls after a warm-up call. */
function rate(samples, calls, body) {
  const seconds = Array.from({ length: calls + 1 }, (_, k) => {
    const started = performance.now();
    torch.scope(() => void body(new Random(k)));
    return (performance.now() - started) / 1000;
  });
  return samples / median(seconds.slice(1));
}

const { published, strong } = augmentPresets();
console.log(
  JSON.stringify({
    "published, 32 slices of 128 x 128": rate(32, 30, (random) =>
      augmentSlices(slices_BCHW, published, random),
    ),
    "strong, 32 slices of 128 x 128": rate(32, 30, (random) => augmentSlices(slices_BCHW, strong, random)),
    "published, 2 volumes of 128 x 128 x 64": rate(2, 8, (random) =>
      augmentVolumes(volumes_BCHWD, published, random),
    ),
  }),
);
