import type { z } from "zod";
import { Problem } from "../problem.js";

/** @throws Problem that names each key which is not as expected */
export function parsed<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const reasons = result.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? "the value" : path.join(".")}: ${message}`,
  );
  throw new Problem("invalid-request", reasons.join("; ").slice(0, 500), "GET /docs describes the request.");
}
