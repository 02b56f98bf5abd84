import { parentPort } from "node:worker_threads";
import type { PoolAnswer } from "../pool.js";
import { prepareVolume, type PreparedVolume, type VolumeJob } from "./volume.js";

async function run(job: VolumeJob): Promise<PoolAnswer<PreparedVolume>> {
  try {
    return { ok: true, result: await prepareVolume(job) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on("message", (job: VolumeJob) => {
  void run(job).then((answer) => {
    // The voxels move to the other thread without a copy.
    const moved = answer.ok ? [answer.result.slices_SHW.buffer as ArrayBuffer] : [];
    parentPort?.postMessage(answer, moved);
  });
});
