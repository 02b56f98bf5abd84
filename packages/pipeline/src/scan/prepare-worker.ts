/** Prepares one scan per message, as `prepare` does, and reports how long it took. */
import { parentPort } from "node:worker_threads";
import type { PoolAnswer } from "../data/pool.js";
import { prepareVolume, type PreparedVolume, type VolumeJob } from "../data/prepare/volume.js";
import { reasonOf } from "../data/reason.js";
import { shortageOf } from "../engine/system-errors.js";

export interface PreparedScan extends PreparedVolume {
  /** Time for reading and preparing. */
  seconds: number;
}

async function run(job: VolumeJob): Promise<PoolAnswer<PreparedScan>> {
  const start = performance.now();
  try {
    const prepared = await prepareVolume(job);
    return { ok: true, result: { ...prepared, seconds: (performance.now() - start) / 1000 } };
  } catch (error) {
    const shortage = shortageOf(error);
    const { whole, nameless } = reasonOf(error);
    return { ok: false, reason: whole, nameless, ...(shortage === null ? {} : { shortage }) };
  }
}

parentPort?.on("message", (job: VolumeJob) => {
  void run(job).then((answer) => {
    // Moved, not copied: this thread has no further use for the voxels.
    const moved = answer.ok ? [answer.result.slices_SHW.buffer as ArrayBuffer] : [];
    parentPort!.postMessage(answer, moved);
  });
});
