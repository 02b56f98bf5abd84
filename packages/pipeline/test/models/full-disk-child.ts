/** A rank of full-disk.test.ts: computes maps while the disk of this one or that one is too small for them. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { manualSeed, scope, setNumThreads } from "@slicestack/torch";
import { volumeMaps, type FeatureSource } from "../../src/predict/features.js";
import { createSliceModel } from "../../src/models/create-by-name.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { SliceStore } from "../../src/input/slices.js";
import { datasetSource } from "../../src/input/source.js";
import { awaitRanks, joinWorld } from "../../src/train/distributed.js";
import { endWithLauncher } from "../../src/train/launch.js";
import { alone, resolveWorld, worldFromEnvironment } from "../../src/train/world.js";
import { config, digest, randomDataset } from "./support.js";

export interface Said {
  digest: string;
  /** In the cache of this process. */
  files: string[];
}

const [folder = "."] = process.argv.slice(2);
endWithLauncher();
const world = await resolveWorld(worldFromEnvironment(process.env));
setNumThreads(1);
mkdirSync(join(folder, `data${world.rank}`));
const dataset = randomDataset(join(folder, `data${world.rank}`), [30, 41, 70], [16, 12]);

/** No file may grow beyond this: what a write then meets is what it meets on a full disk. */
const limitFiles = (bytes: number | "unlimited") =>
  execFileSync("prlimit", ["--pid", String(process.pid), `--fsize=${bytes}:`]);

function maps(name: string): Said {
  const cache = join(folder, `${name} ${world.rank}`);
  process.env["XDG_CACHE_HOME"] = cache;
  manualSeed(3);
  using model = createSliceModel({ model: "slice_cnn", dropout: 0 }, 3, [16, 12]);
  using store = new SliceStore(datasetSource(dataset), sliceTransform(config(), dataset, "cpu"));
  const source: FeatureSource = { model, weightsHash: "w", store, datasetHash: "d" };
  const text = scope(() =>
    digest(volumeMaps(source, dataset.volumes, { device: "cpu", bfloat16: false }).features_N),
  );
  const entries = join(cache, "slicestack", "embeddings");
  return { digest: text, files: existsSync(entries) ? readdirSync(entries) : [] };
}

const said: Record<string, Said> = {};
const withFull = (name: string, isFull: boolean) => {
  if (isFull) limitFiles(65_536); // the maps take 144 kB
  said[name] = maps(name);
  if (isFull) limitFiles("unlimited");
};
// Each for itself, as a process alone does it.
withFull("room", false);
withFull("alone", true);
joinWorld({ ...alone, ...world }, { timeoutSeconds: 60 }, () => {
  for (const full of [0, 1]) {
    withFull(`rank ${full}`, full === world.rank);
    awaitRanks();
  }
});
writeFileSync(join(folder, `${world.rank}.json`), JSON.stringify(said));
