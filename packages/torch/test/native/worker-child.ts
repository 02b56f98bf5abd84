/** Trains something small in a worker and sends its losses and draws; or computes until it is terminated. */
import { parentPort, workerData } from "node:worker_threads";
import * as torch from "../../src/index.js";
import { trainSmall } from "./train-small.js";

const { seed, endless } = workerData as { seed: number; endless: boolean };
if (endless) {
  const x = torch.rand([400, 400]);
  parentPort?.postMessage("started");
  for (;;) torch.scope(() => x.matmul(x).sum().item());
}
parentPort?.postMessage(trainSmall(seed));
