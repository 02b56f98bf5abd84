/** Archives, and the results that are sent to them. */
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { jsonOf, predictionJson, problems } from "../open-api.js";
import { Problem } from "../problem.js";
import { deliveryRequestSchema, pacsSchema } from "../schema.js";
import type { Service } from "../service.js";
import { JsonBody } from "../upload/json-body.js";
import { parsed } from "./parsed.js";

const security = [{ token: [] }];

export function addPacsRoutes(app: FastifyInstance, service: Service): void {
  const { predictions, targets, transfers } = service;
  app.get(
    "/v1/pacs",
    {
      schema: {
        tags: ["pacs"],
        security,
        summary: "The archives that studies can be fetched from and results be sent to",
        response: { 200: jsonOf(z.array(pacsSchema)), ...problems },
      },
    },
    () => targets.published,
  );
  app.post<{ Params: { id: string } }>(
    "/v1/predictions/:id/deliveries",
    {
      schema: {
        tags: ["pacs"],
        security,
        summary: "Send the DICOM objects of a prediction to an archive; one that failed is sent again",
        params: jsonOf(z.object({ id: z.uuid() })),
        body: jsonOf(deliveryRequestSchema),
        response: { 202: predictionJson(), ...problems },
      },
    },
    ({ params: { id }, who, body }, reply) => {
      const prediction = predictions.of(id, who);
      if (!(body instanceof JsonBody))
        throw new Problem("invalid-request", "The request has no body", 'Send JSON: {"to": NAME}.');
      const { to } = parsed(deliveryRequestSchema, body.value);
      targets.for(to, "push");
      if (prediction.state !== "done")
        throw new Problem("not-ready", `The prediction is ${prediction.state}`, "Ask again when it is done.");
      if (prediction.objects?.length === 0)
        throw new Problem(
          "not-found",
          "The prediction has no DICOM objects",
          "Ask for them with ?dicom=true; scans that are not DICOM have none.",
        );
      transfers.send(id, to);
      void reply.status(202);
      return predictions.of(id, who);
    },
  );
}
