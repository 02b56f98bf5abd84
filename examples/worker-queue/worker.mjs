/** One worker: opens the model, predicts the scans that it is sent, and ends when it is sent null. */
import { parentPort, workerData } from "node:worker_threads";
import { Predictor } from "@slicestack/pipeline";

const model = await Predictor.open(workerData.path, { threads: workerData.threads });

parentPort.on("message", async (scan) => {
  if (scan === null) {
    await model[Symbol.asyncDispose]();
    return parentPort.close();
  }
  try {
    parentPort.postMessage({ results: await model.predict(scan, { jobs: 1 }) });
  } catch (error) {
    parentPort.postMessage({ error: error.message });
  }
});
