/**
 * Prints volumes per second from a .nii.gz to 128 x 128 x 64, windowed, as a JSON line: one worker thread per core, as in prepare.
 *
 *   node bench/prepare.mjs FILE.nii.gz [--volumes 12] [--workers 2]
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { reorientAndResample, windowToUnit } from "../packages/volume/dist/src/index.js";
import { readNifti } from "../packages/volume/dist/src/node.js";

async function one(file) {
  const volume = await readNifti(file);
  return windowToUnit(reorientAndResample(volume, "LPS", [128, 128, 64]).data, -1000, 400).length;
}

/** Processes volumes until none are left; the counter is shared. */
async function work({ file, counter, volumes }) {
  const taken = new Int32Array(counter);
  for (let warm = 0; warm < 3; warm++) await one(file);
  parentPort.postMessage("warm");
  await new Promise((resolve) => parentPort.once("message", resolve));
  while (Atomics.add(taken, 0, 1) < volumes) await one(file);
  parentPort.postMessage("done");
}

async function measure() {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      volumes: { type: "string", default: "12" },
      workers: { type: "string", default: `${availableParallelism()}` },
    },
  });
  const [file] = positionals;
  const [volumes, count] = [Number(options.volumes), Number(options.workers)];
  const counter = new SharedArrayBuffer(4);
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL(import.meta.url), { workerData: { file, counter, volumes } }),
  );
  const all = (word) => Promise.all(workers.map((worker) => received(worker, word)));
  await all("warm");
  const [started, before] = [performance.now(), process.cpuUsage()];
  for (const worker of workers) worker.postMessage("go");
  await all("done");
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  const peakRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
  const cpuMs = Math.round((user + system) / 1000 / volumes);
  console.log(JSON.stringify({ rate: volumes / seconds, workers: count, cpuMs, peakRssMb }));
}

const received = (worker, word) =>
  new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.on("message", (message) => message === word && resolve());
  });

if (isMainThread) await measure();
else await work(workerData);
