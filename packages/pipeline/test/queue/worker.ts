/**
 * A process that works on a queue, for the tests of many at once:
 *   node worker.js FILE work LOG        does jobs until none is left: a line "KEY TOKEN begin|end" for each
 *   node worker.js FILE hold            leases a job, says its key, and never ends
 *   node worker.js FILE add PREFIX      adds jobs one by one for ever, and says each key once it is committed
 *   node worker.js FILE tear            begins a transaction, writes into it, says so, and never ends
 */
import { appendFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { LeaseQueue } from "../../src/queue/lease-queue.js";

const [file = "", what = "", argument = ""] = process.argv.slice(2);
const queue = LeaseQueue.open(file, { check: false });

if (what === "work") await work(argument);
if (what === "hold") {
  const [lease] = queue.lease();
  process.stdout.write(`${lease?.key}\n`);
  await setTimeout(600_000);
}
if (what === "add")
  for (let k = 0; ; k++) {
    queue.add([{ key: `${argument}${k}`, payload: "z".repeat(500) }]);
    process.stdout.write(`${argument}${k}\n`);
  }
if (what === "tear")
  queue.together(() => {
    for (let k = 0; k < 2000; k++) queue.add([{ key: `torn ${k}`, payload: "z".repeat(500) }]);
    queue.cancel();
    process.stdout.write("torn\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600_000);
  });

async function work(log: string): Promise<void> {
  for (;;) {
    queue.reclaim();
    const [lease] = queue.lease();
    const { queued, leased } = queue.counts();
    if (lease === undefined && queued + leased === 0) return;
    if (lease === undefined) {
      await setTimeout(20);
      continue;
    }
    appendFileSync(log, `${lease.key} ${lease.token} begin\n`);
    if (Math.random() < 0.2) await setTimeout(2);
    appendFileSync(log, `${lease.key} ${lease.token} end\n`);
    queue.complete(lease.token, lease.key);
  }
}
