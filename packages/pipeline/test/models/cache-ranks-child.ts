/** A rank of cache-ranks.test.ts: embeds the same volumes again and again, each time with the caches that the case has warm. */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { liveTensors, manualSeed, scope, setNumThreads } from "@slicestack/torch";
import { volumeEmbeddings, volumeMaps, type FeatureSource } from "../../src/predict/features.js";
import { createSliceModel } from "../../src/models/create-by-name.js";
import { joinWorld, awaitRanks } from "../../src/train/distributed.js";
import { endWithLauncher } from "../../src/train/launch.js";
import { resolveWorld, worldFromEnvironment } from "../../src/train/world.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { datasetSource } from "../../src/input/source.js";
import { SliceStore } from "../../src/input/slices.js";
import { config, digest, randomDataset } from "./support.js";

const [folder = "."] = process.argv.slice(2);
endWithLauncher();
const world = await resolveWorld(worldFromEnvironment(process.env));
const { rank } = world;
setNumThreads(1);
mkdirSync(join(folder, `data${rank}`));
const dataset = randomDataset(join(folder, `data${rank}`), [30, 41, 70], [16, 12]);
const compute = { device: "cpu", bfloat16: false };

interface Said {
  digest: string;
  cached: boolean;
  files: number;
}

const kinds = ["embeddings", "maps"] as const;
const entriesOf = (cache: string) => join(cache, "slicestack", "embeddings");

/** All features of a kind, with the cache of that name. */
function featuresOf(kind: (typeof kinds)[number], cache: string): { text: string; cached: boolean } {
  process.env["XDG_CACHE_HOME"] = cache;
  manualSeed(3);
  using model = createSliceModel({ model: "slice_cnn", dropout: 0 }, 3, [16, 12]);
  using store = new SliceStore(datasetSource(dataset), sliceTransform(config(), dataset, "cpu"));
  const source: FeatureSource = { model, weightsHash: `w ${kind}`, store, datasetHash: "d" };
  const make = kind === "maps" ? volumeMaps : volumeEmbeddings;
  return scope(() => {
    const { features_N, cached } = make(source, dataset.volumes, compute);
    return { text: digest(features_N), cached };
  });
}

// What each of them has cached from earlier trainings.
for (const kind of kinds) featuresOf(kind, join(folder, `own ${kind}${rank}`));

joinWorld(world, { timeoutSeconds: 60 }, () => {
  const said: Record<string, Said> = {};
  for (const kind of kinds) {
    const cases = [
      ["no cache is warm", []],
      ["both are", [0, 1]],
      ["rank 0's is", [0]],
      ["rank 1's is", [1]],
    ] as const;
    for (const [name, warm] of cases) {
      // Two caches; then one that both see.
      for (const isShared of [false, true]) {
        const cache = join(folder, isShared ? `${kind} shared` : `${kind}${rank}`);
        // One of them clears and fills a cache that both see: two at once run into each other's folders.
        if (!isShared || rank === 0) rmSync(entriesOf(cache), { recursive: true, force: true });
        awaitRanks();
        if (isShared ? rank === warm[0] : warm.some((r) => r === rank))
          cpSync(entriesOf(join(folder, `own ${kind}${rank}`)), entriesOf(cache), { recursive: true });
        awaitRanks();
        const before = liveTensors();
        const { text, cached } = featuresOf(kind, cache);
        if (liveTensors() !== before)
          throw new Error(`${kind}, ${name}: ${liveTensors() - before} tensors are left`);
        awaitRanks();
        said[`${kind}, ${name}, ${isShared ? "one cache" : "two caches"}`] = {
          digest: text,
          cached,
          files: existsSync(entriesOf(cache)) ? readdirSync(entriesOf(cache)).length : 0,
        };
        awaitRanks();
      }
    }
  }
  writeFileSync(join(folder, `said${rank}.json`), JSON.stringify(said));
});
