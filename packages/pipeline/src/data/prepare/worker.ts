import { parentPort } from "node:worker_threads";
import type { PoolAnswer } from "../pool.js";
import { reasonOf } from "../reason.js";
import { shortageOf } from "../../engine/system-errors.js";
import { prepareVolume, type TimedVolume, type VolumeJob } from "./volume.js";

async function run(job: VolumeJob): Promise<PoolAnswer<TimedVolume>> {
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
    // The voxels move to the other thread without a copy.
    const moved = answer.ok ? [answer.result.slices_SHW.buffer as ArrayBuffer] : [];
    parentPort?.postMessage(answer, moved);
  });
});
