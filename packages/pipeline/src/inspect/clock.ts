/** Measures how fast a data set is loaded, by slice and by volume: in order, at random, augmented, from disk, from memory. */
import { setImmediate } from "node:timers/promises";
import { fromTypedArray, getNumThreads, noGrad, scope, setNumThreads } from "@slicestack/torch";
import { Random } from "@slicestack/stats";
import { augmentSlices, augmentVolumes } from "../augment/augment.js";
import { augmentPresets } from "../config/augment.js";
import type { RunConfig } from "../config/types.js";
import { openDataset, storeBytes, type Dataset } from "../data/store.js";
import { sliceTransform } from "../input/of-config.js";
import { datasetSource } from "../input/source.js";
import { SliceStore, type SliceTransform } from "../input/slices.js";
import type { Progress } from "../engine/progress.js";
import { plainTransform, WholeLoader } from "./inputs.js";
import { planCompute } from "../run/compute.js";
import { cachedShare, forget } from "./page-cache.js";

export interface ClockOptions {
  /** Folder of the prepared data set. */
  data: string;
  config: RunConfig;
  /** Slices per batch, default 32. Volumes are loaded one by one. */
  batch?: number;
  /** Passes over the data set from memory, default 1. */
  epochs?: number;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

export interface Timing {
  unit: "slices" | "volumes";
  order: "in order" | "at random";
  augmented: boolean;
  /** Whether the system was asked to drop the file from memory before. */
  cold: boolean;
  /** Fraction of slices.npy in memory before the first pass, 0..1; null if the system does not tell. */
  cachedBefore: number | null;
  /** Items of one pass. */
  items: number;
  /** Of each pass. */
  seconds: number[];
  /** Items per second over all passes. */
  rate: number;
}

export interface ClockResult {
  data: string;
  slices: number;
  volumes: number;
  bytes: number;
  batch: number;
  epochs: number;
  threads: number;
  augmentation: string[];
  timings: Timing[];
}

type Pass = Pick<Timing, "unit" | "order" | "augmented" | "cold">;

/** From disk without augmentation, then from memory without and with it. */
const PASSES: readonly Pass[] = [true, false].flatMap((cold) =>
  (cold ? [false] : [false, true]).flatMap((augmented) =>
    (["slices", "volumes"] as const).flatMap((unit) =>
      (["in order", "at random"] as const).map((order) => ({ unit, order, augmented, cold })),
    ),
  ),
);

/** Loads the complete data set several times. Needs libtorch. @throws DatasetError, the signal's reason */
export async function clock(options: ClockOptions): Promise<ClockResult> {
  const before = getNumThreads();
  // As many threads as training would use.
  setNumThreads(planCompute(options.config).threads);
  try {
    return await timeAll(options);
  } finally {
    setNumThreads(before);
  }
}

async function timeAll(options: ClockOptions): Promise<ClockResult> {
  const { data, config, batch = 32, epochs = 1, onProgress, signal } = options;
  const dataset = openDataset(data);
  const { info, volumes, slicesPath } = dataset;
  const slices = volumes.reduce((sum, { count }) => sum + count, 0);
  const timings: Timing[] = [];
  // libtorch starts its threads with the first computation, which is not timed.
  scope(() => void fromTypedArray(new Float32Array(2 ** 16), [2 ** 8, 2 ** 8]).sub(1));
  for (const [k, pass] of PASSES.entries()) {
    if (pass.cold) await forget(slicesPath);
    const cachedBefore = await cachedShare(slicesPath);
    const items = pass.unit === "slices" ? slices : volumes.length;
    const seconds: number[] = [];
    for (let epoch = 0; epoch < (pass.cold ? 1 : epochs); epoch++) {
      const random = new Random(config.seed).fork(`clock ${k} ${epoch}`);
      seconds.push(await timed(dataset, config, pass, { batch, random, ...(signal && { signal }) }));
    }
    const rate = (items * seconds.length) / seconds.reduce((sum, s) => sum + s, 0);
    timings.push({ ...pass, cachedBefore, items, seconds, rate });
    onProgress?.({
      stage: "clock",
      done: k + 1,
      total: PASSES.length,
      unit: "passes",
      message: `${pass.unit} ${pass.order}`,
    });
  }
  const bytes = slices * info.height * info.width * storeBytes[info.dtype];
  return {
    data: dataset.directory,
    slices,
    volumes: volumes.length,
    bytes,
    batch,
    epochs,
    threads: getNumThreads(),
    augmentation: namesOf(config),
    timings,
  };
}

const namesOf = ({ transform }: RunConfig): string[] =>
  Object.entries(transform.augment).flatMap(([name, setting]) => (setting === null ? [] : [name]));

interface PassOptions {
  batch: number;
  random: Random;
  signal?: AbortSignal;
}

/** @returns seconds of one pass, including opening */
async function timed(dataset: Dataset, config: RunConfig, pass: Pass, options: PassOptions): Promise<number> {
  // As in training: without augmentation there is no window jitter that needs a margin.
  const plain = { ...config, transform: { ...config.transform, augment: augmentPresets().none } };
  const transform = sliceTransform(pass.augmented ? config : plain, dataset, "cpu");
  const start = performance.now();
  if (pass.unit === "slices") await loadSlices(dataset, config, transform, pass, options);
  else await loadVolumes(dataset, config, pass, options);
  return (performance.now() - start) / 1000;
}

/** Normalised batches, as in the slice stage. */
async function loadSlices(
  dataset: Dataset,
  config: RunConfig,
  transform: SliceTransform,
  { order, augmented }: Pass,
  { batch, random, signal }: PassOptions,
): Promise<void> {
  using store = new SliceStore(datasetSource(dataset), transform);
  const all = Array.from({ length: store.count }, (_, k) => k);
  const indices = order === "in order" ? all : random.shuffle(all);
  for (let start = 0; start < indices.length; start += batch) {
    await yieldToSignal(signal);
    const chosen = indices.slice(start, start + batch);
    scope(() =>
      noGrad(() => {
        const draws = random.fork(`batch ${start}`);
        const unit_BCHW = augmented
          ? augmentSlices(store.wide(chosen), config.transform.augment, draws, transform)
          : store.unit(chosen);
        store.normalise(unit_BCHW, 3);
      }),
    );
  }
}

/** Whole volumes, one by one. */
async function loadVolumes(
  dataset: Dataset,
  config: RunConfig,
  { order, augmented }: Pass,
  { random, signal }: PassOptions,
): Promise<void> {
  const transform = plainTransform(dataset, config);
  using loader = new WholeLoader(dataset, transform);
  const volumes = order === "in order" ? dataset.volumes : random.shuffle([...dataset.volumes]);
  for (const record of volumes) {
    await yieldToSignal(signal);
    scope(() =>
      noGrad(() => {
        const x_B1HWD = loader.volume(record).unsqueeze(0).unsqueeze(0);
        if (augmented)
          augmentVolumes(x_B1HWD, config.transform.augment, random.fork(record.id), {
            air: transform.air,
            spacing: [record.geometry.spacing],
          });
      }),
    );
  }
}

/** Ctrl-C is handled between batches. */
async function yieldToSignal(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}
