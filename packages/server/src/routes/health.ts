import type { FastifyInstance } from "fastify";
import { jsonOf } from "../open-api.js";
import { healthSchema, type Health } from "../schema.js";
import type { Service } from "../service.js";

export function addHealthRoutes(app: FastifyInstance, service: Service): void {
  const tags = ["operation"];
  app.get(
    "/health/live",
    {
      config: { isOpen: true },
      schema: { tags, summary: "Whether the server runs", response: { 200: jsonOf(healthSchema) } },
    },
    (): Health => ({ status: "ok", reasons: [] }),
  );
  app.get(
    "/health/ready",
    {
      config: { isOpen: true },
      schema: {
        tags,
        summary: "Whether it takes predictions now; 503 with the reasons if it does not",
        response: { 200: jsonOf(healthSchema), 503: jsonOf(healthSchema) },
      },
    },
    (_request, reply): Health => {
      const reasons = reasonsAgainst(service);
      if (reasons.length > 0) void reply.status(503);
      return { status: reasons.length === 0 ? "ok" : "unavailable", reasons };
    },
  );
  app.get(
    "/metrics",
    { schema: { tags, summary: "Metrics for Prometheus", response: { 200: { type: "string" } } } },
    async (_request, reply) => {
      const { registry } = service.metrics;
      return reply
        .type(registry.contentType)
        .serializer(String)
        .send(await registry.metrics());
    },
  );
}

function reasonsAgainst({ isStopping, pool, predictions, settings }: Service): string[] {
  const { queued } = predictions.queue.counts();
  return [
    ...(isStopping ? ["the server is stopping"] : []),
    ...(pool.alive === 0 ? ["no process that predicts is alive"] : []),
    ...(queued >= settings.queue ? ["the queue is full"] : []),
  ];
}
