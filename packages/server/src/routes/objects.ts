/** The DICOM objects of a prediction: structured reports and heat-maps. */
import { createReadStream } from "node:fs";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { jsonOf } from "../open-api.js";
import type { Service } from "../service.js";
import { recordRead } from "./record-read.js";

const tags = ["predictions"];
const security = [{ token: [] }];

export function addObjectRoutes(app: FastifyInstance, service: Service): void {
  const { predictions } = service;
  app.get<{ Params: { id: string } }>(
    "/v1/predictions/:id/dicom",
    {
      schema: {
        tags,
        security,
        summary: "All DICOM objects as a zip: a structured report and a heat-map of each scan",
        params: jsonOf(z.object({ id: z.uuid() })),
      },
    },
    ({ params: { id }, who }, reply) => {
      const path = predictions.object(id, who, "all");
      recordRead(service, who, predictions.of(id, who));
      const headers = { "content-disposition": 'attachment; filename="dicom.zip"' };
      return reply.headers(headers).type("application/zip").send(createReadStream(path));
    },
  );
  app.get<{ Params: { id: string; number: string } }>(
    "/v1/predictions/:id/dicom/:number",
    {
      schema: {
        tags,
        security,
        summary: "One DICOM object",
        params: jsonOf(z.object({ id: z.uuid(), number: z.string() })),
      },
    },
    ({ params: { id, number }, who }, reply) => {
      const path = predictions.object(id, who, Number(number));
      recordRead(service, who, predictions.of(id, who));
      const headers = { "content-disposition": `attachment; filename="object-${Number(number)}.dcm"` };
      return reply.headers(headers).type("application/dicom").send(createReadStream(path));
    },
  );
}
