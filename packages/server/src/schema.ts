/**
 * What the HTTP API takes and returns. Imports nothing of Node, so that a page in a browser can use it. OpenAPI is
 * derived from these schemas.
 */
import type { ScanResult } from "@slicestack/pipeline";
import { z } from "zod";

export const MAP_KINDS = ["gradcam", "ig"] as const;
export const OPERATING_POINTS = ["youden", "sensitivity", "specificity", "none"] as const;
export const PREDICTION_STATES = ["queued", "running", "done", "failed", "cancelled"] as const;

/** The query of POST /v1/predictions. */
export const requestSchema = z.strictObject({
  model: z.string().optional().describe("Name of the model; may be omitted if only one is served"),
  series: z
    .string()
    .max(200)
    .optional()
    .describe(
      "Which series of a DICOM study: thinnest, a UID, or a regular expression on the description. Default: all",
    ),
  operatingPoint: z.enum(OPERATING_POINTS).optional().describe("Decision of two classes; default youden"),
  maps: z
    .string()
    .regex(/^(gradcam|ig)(,(gradcam|ig))*$/)
    .optional()
    .describe("Maps to compute, separated by commas: gradcam, ig"),
});
export type PredictionRequest = z.output<typeof requestSchema>;

/** The query of GET /v1/predictions. */
export const listSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50).describe("Most predictions of the answer"),
});

/** A problem of RFC 9457 (application/problem+json). */
export const problemSchema = z.object({
  type: z.string().describe("Identifies the kind of problem: urn:slicestack:problem:NAME"),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe("What was expected and what was received"),
  remedy: z.string().optional().describe("What to do about it"),
});
export type ProblemBody = z.output<typeof problemSchema>;

const time = z.iso.datetime();

/** A prediction that was requested: it waits, runs, or has ended. */
export const predictionSchema = z.strictObject({
  id: z.uuid(),
  model: z.string(),
  state: z.enum(PREDICTION_STATES),
  created: time,
  ended: time.nullable(),
  /** When it and its files are deleted; null until it has ended. */
  expires: time.nullable(),
  waitingBefore: z.int().nullable().describe("Predictions that run before it; null unless it is queued"),
  progress: z
    .strictObject({ stage: z.string(), done: z.int(), total: z.int(), unit: z.string() })
    .nullable()
    .describe("null unless it is running"),
  results: z
    .array(z.custom<ScanResult>((value) => typeof value === "object" && value !== null))
    .nullable()
    .describe("One for each scan, as slicestack predict writes it; null until it is done"),
  unreadable: z
    .array(z.strictObject({ source: z.string(), reason: z.string() }))
    .nullable()
    .describe("Scans of the upload that cannot be predicted, and why; null until it is done"),
  problem: problemSchema.nullable().describe("Why it failed"),
  links: z.record(z.string(), z.string()).describe("self, events, result, and a link for each map"),
});
export type Prediction = z.output<typeof predictionSchema>;

export const modelSchema = z.strictObject({
  name: z.string(),
  method: z.enum(["2d", "2.5d", "3d"]),
  classes: z.array(z.string()),
  sha256: z
    .string()
    .describe("Hash of contract and weights; of the hashes of the members if there are several"),
  members: z.int().describe("Models whose probabilities are averaged"),
  calibrated: z.boolean(),
  card: z.string().nullable().describe("The model card in Markdown; null if the model has none"),
});
export type ServedModel = z.output<typeof modelSchema>;

export const healthSchema = z.strictObject({
  status: z.enum(["ok", "unavailable"]),
  reasons: z.array(z.string()),
});
export type Health = z.output<typeof healthSchema>;
