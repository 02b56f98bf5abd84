/** The worker thread of a session: waits for requests, runs one job at a time, and answers. */
import { parentPort } from "node:worker_threads";
import { explained } from "./system-errors.js";
import type { Job } from "./job.js";
import type { JobMessage, JobRequest, PreloadRequest } from "./messages.js";
import { onNotice } from "./notices.js";
import { releaseSessionTf32, setSessionTf32 } from "./session-tf32.js";
import { packError } from "./thread-errors.js";

if (parentPort === null)
  throw new Error("engine/worker.js runs in the worker thread of an EngineSession only");
const port = parentPort;
const send = (message: JobMessage) => port.postMessage(message);

onNotice((text, about) => send({ notice: text, about }));

port.on("message", (request: JobRequest | PreloadRequest) => {
  if ("preload" in request) return void preload(request).catch(() => undefined);
  runRequest(request).then(
    (result) => send({ result }),
    (error: unknown) => send({ error: packError(explained(error)) }),
  );
});

async function preload({ preload: module }: PreloadRequest): Promise<void> {
  const imported = (await import(module)) as { preload?: () => void };
  imported.preload?.();
}

async function runRequest({ module, input, plugins, tf32, stopFlag }: JobRequest): Promise<unknown> {
  const { job } = (await import(module)) as { job: Job<unknown, unknown> };
  // After the module, which brings the built-in components: a plug-in must not take their names.
  if (plugins.length > 0) await (await import("../config/plugins.js")).loadPlugins(plugins);
  setSessionTf32(tf32);
  const flag = new Int32Array(stopFlag);
  try {
    return await job(input, {
      report: (progress) => send({ progress }),
      log: (log) => send({ log }),
      event: (event) => send({ event }),
      stopping: () => Atomics.load(flag, 0) === 1,
    });
  } finally {
    releaseSessionTf32();
  }
}
