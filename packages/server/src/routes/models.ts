import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { jsonOf, problems } from "../open-api.js";
import { Problem } from "../problem.js";
import { modelSchema, type ServedModel } from "../schema.js";
import type { Service } from "../service.js";

export function addModelRoutes(app: FastifyInstance, { pool }: Service): void {
  const tags = ["models"];
  const security = [{ token: [] }];
  app.get(
    "/v1/models",
    {
      schema: {
        tags,
        security,
        summary: "All models",
        response: { 200: jsonOf(z.array(modelSchema)), ...problems },
      },
    },
    () => pool.models,
  );
  app.get<{ Params: { name: string } }>(
    "/v1/models/:name",
    {
      schema: {
        tags,
        security,
        summary: "One model, with its card",
        params: jsonOf(z.object({ name: z.string() })),
        response: { 200: jsonOf(modelSchema), ...problems },
      },
    },
    ({ params }) => findModel(pool.models, params.name),
  );
}

/** @param name may be omitted if there is only one model   @throws Problem if there is none of that name */
export function findModel(models: readonly ServedModel[], name: string | undefined): ServedModel {
  const names = models.map((model) => model.name).join(", ");
  if (name === undefined) {
    if (models.length === 1) return models[0]!;
    throw new Problem("invalid-request", `The query names no model; there are ${names}`, "Pass ?model=NAME.");
  }
  const model = models.find((one) => one.name === name);
  if (model === undefined) throw new Problem("not-found", `There is no such model; there are ${names}`);
  return model;
}
