import type { FastifyInstance } from "fastify";
import { Problem } from "../problem.js";

/** A body of the type application/json, as opposed to the stream of an upload. */
export class JsonBody {
  constructor(readonly value: unknown) {}
}

const MOST_BYTES = 65_536;

export function acceptJson(app: FastifyInstance): void {
  const limits = { parseAs: "string" as const, bodyLimit: MOST_BYTES };
  app.addContentTypeParser<string>("application/json", limits, (_request, text, done) => {
    try {
      done(null, new JsonBody(JSON.parse(text)));
    } catch {
      done(new Problem("invalid-request", "The body is not JSON", "GET /docs describes the request."));
    }
  });
}
