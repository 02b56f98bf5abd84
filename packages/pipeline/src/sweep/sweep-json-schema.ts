import { jsonSchemaOf } from "../config/json-schema.js";
import { sweepSchema } from "./sweep-file.js";

/** A sweep's file as JSON Schema (draft 7), for editors. */
export const sweepJsonSchema = (): Record<string, unknown> => jsonSchemaOf(sweepSchema, "Slicestack sweep");
