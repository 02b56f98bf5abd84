import { parentPort } from "node:worker_threads";
import type { PoolAnswer } from "../data/pool.js";
import { readStored, type Dataset, type StoreArray } from "../data/store.js";
import type { VolumeFacts } from "./volume-facts.js";
import { fingerprintOf, thumbnailOf } from "./fingerprint.js";

export interface FactsJob {
  dataset: Pick<Dataset, "info" | "slicesPath" | "slicesOffset">;
  first: number;
  count: number;
}

function facts({ dataset, first, count }: FactsJob): VolumeFacts {
  const voxels = readStored(dataset, first, count);
  const thumbnail = thumbnailOf(voxels, [dataset.info.width, dataset.info.height, count]);
  return { ...spreadOf(voxels), thumbnail, fingerprint: fingerprintOf(thumbnail) };
}

function spreadOf(voxels: StoreArray) {
  let sum = 0;
  for (const value of voxels) sum += value;
  const mean = sum / voxels.length;
  let squares = 0;
  for (const value of voxels) squares += (value - mean) ** 2;
  const sorted = voxels.slice().sort();
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? NaN;
  return {
    mean,
    standardDeviation: Math.sqrt(squares / voxels.length),
    least: at(0),
    p1: at(0.01),
    p50: at(0.5),
    p99: at(0.99),
    most: at(1),
  };
}

parentPort?.on("message", (job: FactsJob) => {
  let answer: PoolAnswer<VolumeFacts>;
  try {
    answer = { ok: true, result: facts(job) };
  } catch (error) {
    answer = { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(answer);
});
