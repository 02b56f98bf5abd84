/** The worker's side of a pool that prepares volumes: an answer for each job, with the voxels moved and not copied. */
import { parentPort } from "node:worker_threads";
import type { PoolAnswer } from "../pool.js";
import { reasonOf } from "../reason.js";
import { shortageOf } from "../../engine/system-errors.js";
import type { PreparedScan, Timed, VolumeJob } from "./volume.js";

/** Answers every message to this thread. */
export function answerJobs<Prepared extends PreparedScan>(
  prepare: (job: VolumeJob) => Promise<Prepared>,
): void {
  parentPort?.on("message", (job: VolumeJob) => {
    void run(prepare, job).then((answer) => {
      const moved = answer.ok ? [answer.result.slices_SHW.buffer as ArrayBuffer] : [];
      parentPort?.postMessage(answer, moved);
    });
  });
}

async function run<Prepared extends PreparedScan>(
  prepare: (job: VolumeJob) => Promise<Prepared>,
  job: VolumeJob,
): Promise<PoolAnswer<Timed<Prepared>>> {
  const start = performance.now();
  try {
    const prepared = await prepare(job);
    return { ok: true, result: { ...prepared, seconds: (performance.now() - start) / 1000 } };
  } catch (error) {
    const shortage = shortageOf(error);
    const { whole, nameless } = reasonOf(error);
    return { ok: false, reason: whole, nameless, ...(shortage === null ? {} : { shortage }) };
  }
}
