/** The batch step of every job that Slicestack submits: `node run-job.js FOLDER` runs one task of FOLDER/job.json. */
import { StopRequests } from "./stop-requests.js";

const requests = new StopRequests();
const { runTask } = await import("./run-task.js");
process.exitCode = await runTask(process.argv[2] ?? ".", requests);
// Signal handlers do not keep a process alive, but pending timers would.
process.exit();
