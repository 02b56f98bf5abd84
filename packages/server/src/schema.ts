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
  dicom: z
    .enum(["true", "false"])
    .optional()
    .describe("Whether to make a structured report and a heat-map of each DICOM scan; default false"),
  sendTo: z
    .string()
    .max(500)
    .regex(/^[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+)*$/)
    .optional()
    .describe("Names of PACS, separated by commas, to which the DICOM objects are sent; implies dicom=true"),
});
export type PredictionRequest = z.output<typeof requestSchema>;

const uid = z
  .string()
  .max(64)
  .regex(/^[0-9]+(\.[0-9]+)*$/);

/** The body of POST /v1/predictions as JSON: a study, or one of its series, that the server fetches. */
export const remoteSchema = z.strictObject({
  pacs: z.string().max(50).describe("Name of the PACS, as in GET /v1/pacs"),
  study: uid.describe("Study Instance UID"),
  series: uid.optional().describe("Series Instance UID; if absent, every series with images"),
});
export type RemoteStudy = z.output<typeof remoteSchema>;

/** The body of POST /v1/predictions/ID/deliveries. */
export const deliveryRequestSchema = z.strictObject({
  to: z.string().max(50).describe("Name of the PACS, as in GET /v1/pacs"),
});

export const pacsSchema = z.strictObject({
  name: z.string(),
  pull: z.boolean().describe("Whether studies can be fetched from it"),
  push: z.boolean().describe("Whether results can be sent to it"),
});
export type Pacs = z.output<typeof pacsSchema>;

export const DELIVERY_STATES = ["waiting", "sending", "delivered", "failed"] as const;

/** The DICOM objects of a prediction on their way to an archive. */
export const deliverySchema = z.strictObject({
  to: z.string(),
  state: z.enum(DELIVERY_STATES),
  objects: z.int().describe("Objects to send"),
  stored: z.int().describe("Objects that the archive has taken"),
  problem: z.string().nullable().describe("Why the last attempt failed"),
  next: z.iso.datetime().nullable().describe("When it is tried again"),
});
export type Delivery = z.output<typeof deliverySchema>;

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
    .describe("null unless it is running, or its study is being fetched"),
  results: z
    .array(z.custom<ScanResult>((value) => typeof value === "object" && value !== null))
    .nullable()
    .describe("One for each scan, as slicestack predict writes it; null until it is done"),
  unreadable: z
    .array(z.strictObject({ source: z.string(), reason: z.string() }))
    .nullable()
    .describe("Scans of the upload that cannot be predicted, and why; null until it is done"),
  objects: z
    .array(
      z.strictObject({
        kind: z.enum(["report", "heat-map"]),
        instance: z.string().describe("SOP Instance UID"),
        link: z.string().describe("Address of the object"),
      }),
    )
    .nullable()
    .describe("DICOM objects of the results, if the request asked for them; null until it is done"),
  withoutObjects: z
    .array(z.strictObject({ source: z.string(), reason: z.string() }))
    .nullable()
    .describe("Scans that were predicted, and whose DICOM objects could not be made; null until it is done"),
  deliveries: z.array(deliverySchema).describe("The objects on their way to archives"),
  problem: problemSchema.nullable().describe("Why it failed"),
  links: z
    .record(z.string(), z.string())
    .describe("self, events, result, a link for each map, and dicom: a zip of all objects"),
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
