import { jsonSchemaOf } from "../config/json-schema.js";
import { sweepSchema } from "./sweep-file.js";

/** The JSON Schema (draft 7) of a sweep's file, for editors. */
export const sweepJsonSchema = (): Record<string, unknown> => jsonSchemaOf(sweepSchema, "Slicestack sweep");
