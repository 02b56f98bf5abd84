/** Computes the facts for an audit: a few numbers and a fingerprint per volume, in one pass over slices.npy. */
import { availableParallelism } from "node:os";
import { runPool } from "../data/pool.js";
import type { Dataset } from "../data/store.js";
import type { Progress } from "../engine/progress.js";
import type { FactsJob } from "./facts-worker.js";
import type { VolumeFacts } from "./volume-facts.js";

export interface FactsOptions {
  workers?: number;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/** Facts of every volume, in the order of the data set. @throws Error if slices.npy cannot be read */
export async function volumeFacts(dataset: Dataset, options: FactsOptions = {}): Promise<VolumeFacts[]> {
  const { info, slicesPath, slicesOffset, volumes } = dataset;
  const facts: VolumeFacts[] = [];
  await runPool<FactsJob, VolumeFacts>({
    script: new URL("./facts-worker.js", import.meta.url),
    jobs: volumes.map(({ first, count }) => ({ dataset: { info, slicesPath, slicesOffset }, first, count })),
    workers: options.workers ?? availableParallelism(),
    signal: options.signal,
    deliver: (answer, k) => {
      if (!answer.ok) throw new Error(`${slicesPath}: ${answer.reason}`);
      facts.push(answer.result);
      options.onProgress?.({ stage: "look", done: k + 1, total: volumes.length, unit: "volumes" });
    },
  });
  return facts;
}
