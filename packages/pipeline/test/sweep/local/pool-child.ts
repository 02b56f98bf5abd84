/** A pool in a process of its own, to be killed: node pool-child.js QUEUE FOLDER */
import { LeaseQueue } from "../../../src/queue/lease-queue.js";
import { JobPool } from "../../../src/sweep/local/job-pool.js";
import { poolOf, shellWork, untilEmpty } from "./pool.js";

const [file = "", folder = ""] = process.argv.slice(2);
const queue = LeaseQueue.open(file);
const pool = new JobPool({ ...poolOf(queue, { slots: 2 }), work: shellWork(folder) });
pool.adopt();
await untilEmpty(pool, queue);
