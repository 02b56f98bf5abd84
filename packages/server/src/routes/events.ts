/** Server-sent events: the prediction at each change, until it has ended. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Prediction } from "../schema.js";
import type { Service } from "../service.js";
import { recordRead } from "./record-read.js";

/** A comment at least so often, so that proxies do not close the connection. */
const ALIVE_MS = 15_000;
const END = new Set(["done", "failed", "cancelled"]);

export async function sendEvents(
  service: Service,
  id: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { predictions, tokens } = service;
  const closed = new AbortController();
  reply.raw.once("close", () => closed.abort()); // of the answer: a connection may carry thousands
  reply.hijack();
  const headers = { ...reply.getHeaders(), "content-type": "text/event-stream", "cache-control": "no-store" };
  reply.raw.writeHead(200, headers as Record<string, string>);
  let last = "";
  while (!closed.signal.aborted) {
    const prediction = current(service, id, request.who);
    const isRevoked = tokens !== null && !tokens.has(request.who);
    if (prediction === null || isRevoked) break;
    const text = JSON.stringify(prediction);
    reply.raw.write(text === last ? ": alive\n\n" : `event: ${prediction.state}\ndata: ${text}\n\n`);
    last = text;
    if (END.has(prediction.state) || predictions.isStopped) break;
    await predictions.changed(id, ALIVE_MS, closed.signal);
  }
  reply.raw.end();
}

/** null once it has been deleted, or if it cannot be recorded that its results are read. */
function current(service: Service, id: string, who: string): Prediction | null {
  try {
    const prediction = service.predictions.of(id, who);
    recordRead(service, who, prediction);
    return prediction;
  } catch {
    return null;
  }
}
