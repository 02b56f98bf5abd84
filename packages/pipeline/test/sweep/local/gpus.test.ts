/** Eight GPUs of a driver that a script plays: which are free, and that none is booked twice. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import { delimiter, join } from "node:path";
import { test, type TestContext } from "node:test";
import { LeaseQueue } from "../../../src/queue/lease-queue.js";
import { GpuPool } from "../../../src/sweep/local/gpus.js";
import { JobPool } from "../../../src/sweep/local/job-pool.js";
import { Resources } from "../../../src/sweep/local/resources.js";
import { folderOf } from "../../queue/temporary.js";
import { shellWork, untilEmpty } from "./pool.js";

/** 3 is used by a stranger, who holds little of it; 5 has little memory left, by a program that does not compute. */
const GPUS = Array.from(
  { length: 8 },
  (_, k) => `${k}, GPU-${k}, NVIDIA H200, 144000, ${k === 5 ? 40000 : 143000}, 570.1`,
);
const PROCESSES = ["GPU-3, 4242, 600"];

function fakeDriver(t: TestContext): {
  folder: string;
  write: (gpus: string[], processes: string[]) => void;
} {
  const folder = folderOf(t);
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const write = (gpus: string[], processes: string[]) => {
    writeFileSync(join(folder, "gpus"), gpus.map((line) => `${line}\n`).join(""));
    writeFileSync(join(folder, "processes"), processes.map((line) => `${line}\n`).join(""));
  };
  write(GPUS, PROCESSES);
  const script = `#!/bin/sh\ncase "$*" in *compute-apps*) cat ${folder}/processes ;; *) cat ${folder}/gpus ;; esac\n`;
  writeFileSync(join(bin, "nvidia-smi"), script);
  chmodSync(join(bin, "nvidia-smi"), 0o755);
  const { PATH } = process.env;
  process.env["PATH"] = `${bin}${delimiter}${PATH}`;
  t.after(() => (process.env["PATH"] = PATH));
  return { folder, write };
}

test("free are those with their memory and without a stranger; with a number from the user the memory alone counts", async (t) => {
  const { folder } = fakeDriver(t);
  const marks = join(folder, "marks");
  using plain = new GpuPool({ marks });
  await plain.refresh();
  assert.deepEqual([plain.count, plain.free()], [8, ["GPU-0", "GPU-1", "GPU-2", "GPU-4", "GPU-6", "GPU-7"]]);
  using sized = new GpuPool({ marks, memory: 60_000 * 2 ** 20 });
  await sized.refresh();
  assert.deepEqual(sized.free(), ["GPU-0", "GPU-1", "GPU-2", "GPU-3", "GPU-4", "GPU-6", "GPU-7"]);
  using chosen = new GpuPool({ marks, allowed: [3, 4] });
  await chosen.refresh();
  assert.deepEqual([chosen.count, chosen.free()], [2, ["GPU-4"]]);
});

test("a user without an entry in the system's list of users, as in some containers, is none that GPUs need", (t) => {
  const { mock } = t.mock.method(os, "userInfo", () => {
    throw new Error("uv_os_get_passwd returned ENOENT");
  });
  syncBuiltinESMExports();
  try {
    using pool = new GpuPool();
    assert.deepEqual(pool.free(), []);
  } finally {
    mock.restore();
    syncBuiltinESMExports();
  }
});

test("two sweeps of one user book no GPU twice, all or none of what a trial needs, and give back what they took", async (t) => {
  const { folder, write } = fakeDriver(t);
  const marks = join(folder, "marks");
  using one = new GpuPool({ marks });
  using two = new GpuPool({ marks });
  await Promise.all([one.refresh(), two.refresh()]);
  const [first, second] = [one.take(4)!, two.take(2)!];
  assert.deepEqual([...first, ...second].sort(), ["GPU-0", "GPU-1", "GPU-2", "GPU-4", "GPU-6", "GPU-7"]);
  assert.deepEqual([one.take(1), two.take(1)], [null, null]);
  one.release(first.slice(0, 2));
  assert.equal(two.take(3), null, "two are free");
  assert.deepEqual(two.take(2), first.slice(0, 2), "the attempt before has kept nothing");
  write(GPUS, [...PROCESSES, `${first[2]}, 77, 9000`]);
  one.release(first.slice(2));
  await one.refresh();
  assert.deepEqual(one.free(), first.slice(3), "a stranger was quicker");
});

test("trials of a queue get their own GPUs by UUID, none twice at once, the stranger's never", async (t) => {
  const { folder } = fakeDriver(t);
  using queue = LeaseQueue.open(join(folder, "queue.sqlite"));
  const script = `echo "+ $CUDA_VISIBLE_DEVICES" >> ${folder}/log; sleep 0.05; echo "- $CUDA_VISIBLE_DEVICES" >> ${folder}/log`;
  queue.add(
    Array.from({ length: 24 }, (_, k) => ({
      key: `t${k}`,
      payload: { script },
      needs: { gpus: 1 + (k % 3) },
    })),
  );
  using gpus = new GpuPool({ marks: join(folder, "marks") });
  await gpus.refresh();
  const work = shellWork(folder);
  const pool = new JobPool({
    queue,
    resources: new Resources({ slots: 99, cpus: 99, memory: 1e9 }, gpus),
    work: {
      ...work,
      command: (lease, booking) => {
        const command = work.command(lease, booking);
        return "words" in command
          ? { ...command, env: { ...command.env, CUDA_VISIBLE_DEVICES: booking.gpus.join() } }
          : command;
      },
    },
  });
  await untilEmpty(pool, queue);
  assert.equal(queue.counts().done, 24);
  const held = new Set<string>();
  let most = 0;
  for (const line of readFileSync(join(folder, "log"), "utf8").trim().split("\n"))
    for (const gpu of line.slice(2).split(",")) {
      assert.ok(!["GPU-3", "GPU-5"].includes(gpu), gpu);
      if (line.startsWith("+")) assert.ok(!held.has(gpu), `${gpu} is booked twice`);
      if (line.startsWith("+")) held.add(gpu);
      else held.delete(gpu);
      most = Math.max(most, held.size);
    }
  assert.ok(most > 3, `${most} at once`);
  assert.equal(gpus.free().length, 6);
});
