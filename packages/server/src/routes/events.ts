/** Server-sent events: the prediction at each change, until it has ended. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Service } from "../service.js";

/** A comment at least so often, so that proxies do not close the connection. */
const ALIVE_MS = 15_000;
const END = new Set(["done", "failed", "cancelled"]);

export async function sendEvents(
  { predictions }: Service,
  id: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const closed = new AbortController();
  request.raw.socket.once("close", () => closed.abort());
  reply.hijack();
  const headers = { ...reply.getHeaders(), "content-type": "text/event-stream", "cache-control": "no-store" };
  reply.raw.writeHead(200, headers as Record<string, string>);
  let last = "";
  while (!closed.signal.aborted) {
    const prediction = current(predictions, id, request.who);
    if (prediction === null) break;
    const text = JSON.stringify(prediction);
    reply.raw.write(text === last ? ": alive\n\n" : `event: ${prediction.state}\ndata: ${text}\n\n`);
    last = text;
    if (END.has(prediction.state)) break;
    await predictions.changed(id, ALIVE_MS, closed.signal);
  }
  reply.raw.end();
}

/** null once it has been deleted. */
function current(predictions: Service["predictions"], id: string, who: string) {
  try {
    return predictions.of(id, who);
  } catch {
    return null;
  }
}
