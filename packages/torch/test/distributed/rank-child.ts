/** One rank: joins the group, runs its scenario, leaves. A worker posts the result; a process prints lines. */
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { destroyProcessGroup, initProcessGroup } from "../../src/distributed.js";
import { liveTensors, scope, setNumThreads } from "../../src/index.js";
import type { Place } from "./ranks.js";
import { scenarios } from "./scenarios.js";

const place = (isMainThread ? JSON.parse(process.argv[2] ?? "{}") : workerData) as Place;
const { rank, worldSize, port: masterPort, timeoutSeconds } = place;

function run(): unknown {
  setNumThreads(1);
  initProcessGroup({ rank, worldSize, masterAddress: "127.0.0.1", masterPort, timeoutSeconds });
  const before = liveTensors();
  const result = scope(() => scenarios[place.scenario](place));
  if (liveTensors() !== before) throw new Error(`${liveTensors() - before} live tensors are left`);
  destroyProcessGroup();
  return result;
}

if (isMainThread) run();
else {
  try {
    parentPort?.postMessage({ result: run() });
  } catch (error) {
    parentPort?.postMessage({ error: error instanceof Error ? error.stack : String(error) });
  }
}
