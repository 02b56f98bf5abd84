/** Pools of shell scripts, for tests. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { LeaseQueue } from "../../../src/queue/lease-queue.js";
import { GpuPool } from "../../../src/sweep/local/gpus.js";
import type { JobPool, PoolWork } from "../../../src/sweep/local/job-pool.js";
import { Resources, type Machine } from "../../../src/sweep/local/resources.js";

export function poolOf(queue: LeaseQueue, machine: Partial<Machine>) {
  return { queue, resources: new Resources({ slots: 99, cpus: 99, memory: 1e9, ...machine }, new GpuPool()) };
}

/** The payload's script; a file KEY.done says that it has done its work. */
export function shellWork(folder: string): PoolWork {
  return {
    command: ({ key, payload }) => ({
      words: ["/bin/sh", "-c", (payload as { script: string }).script],
      env: { KEY: key, LOG_FOLDER: folder },
      log: join(folder, `${key}.log`),
    }),
    judge: ({ key }, exit, wish) => {
      if (existsSync(join(folder, `${key}.done`)) || exit?.code === 0) return { is: "done", result: null };
      if (wish !== null) return { is: "released" };
      if (exit === null) return null;
      return {
        is: "failed",
        error: exit.signal === null ? `ended with code ${exit.code}` : `ended by ${exit.signal}`,
      };
    },
  };
}

export async function untilEmpty(pool: JobPool, queue: LeaseQueue): Promise<void> {
  for (;;) {
    pool.round();
    const { queued, leased } = queue.counts();
    if (queued + leased === 0) return;
    await pool.wait(50);
  }
}
