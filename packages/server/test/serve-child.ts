/** A server in a process of its own: node serve-child.js RUN DATA [QUEUE]. Writes its address, then the pids of its workers. */
import { serve } from "../src/index.js";

const [run, data, queue = "1000"] = process.argv.slice(2);
const server = await serve({
  models: new Map([["small", run!]]),
  data: data!,
  port: 0,
  threads: 1,
  queue: Number(queue),
  rate: 1_000_000,
  log: () => undefined,
});
process.stdout.write(`${JSON.stringify({ url: server.url, workers: server.workers })}\n`);
process.on("SIGTERM", () => void server.close().then(() => process.exit(0)));
