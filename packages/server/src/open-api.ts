/** The OpenAPI 3.1 document, from the schemas of requests and answers. */
import { scanResultSchema } from "@slicestack/pipeline";
import { z } from "zod";
import { predictionSchema, problemSchema } from "./schema.js";

export const openApiInfo = {
  openapi: "3.1.0",
  info: {
    title: "Slicestack",
    version: "1",
    description:
      "Predictions of trained models for CT volumes. Research use only; not a medical device. Without a token the server answers programs of its own machine alone.",
    license: { name: "MIT", identifier: "MIT" },
  },
  components: {
    securitySchemes: { token: { type: "http" as const, scheme: "bearer" } },
  },
  tags: [
    { name: "predictions", description: "Scans in, probabilities out" },
    { name: "pacs", description: "Studies of an archive in, reports and heat-maps back into it" },
    { name: "models", description: "What is served" },
    { name: "operation", description: "For the programs that watch the server" },
  ],
};

/** A schema as JSON Schema, for the document. Values of custom types are described by `overrides` or left open. */
export const jsonOf = (schema: z.ZodType): Record<string, unknown> => {
  const { $schema: _schema, ...rest } = z.toJSONSchema(schema, { unrepresentable: "any", io: "input" });
  return rest;
};

const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: jsonOf(problemSchema) } },
});

/** The prediction, with the schema of results as `slicestack predict` documents it. */
export function predictionJson(): Record<string, unknown> {
  const schema = jsonOf(predictionSchema) as { properties: Record<string, unknown> };
  const results = { anyOf: [{ type: "array", items: jsonOf(scanResultSchema) }, { type: "null" }] };
  return { ...schema, properties: { ...schema.properties, results } };
}

export const resultsJson = (): Record<string, unknown> => ({
  type: "array",
  items: jsonOf(scanResultSchema),
});

/** Answers that every route may give. */
export const problems = {
  "4xx": problem("A problem with the request"),
  "5xx": problem("A problem of the server"),
};
