import { createReadStream } from "node:fs";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { jsonOf, predictionJson, problems, resultsJson } from "../open-api.js";
import { Problem } from "../problem.js";
import { listSchema, remoteSchema, requestSchema, type Prediction } from "../schema.js";
import type { NewPrediction } from "../jobs/predictions.js";
import type { Service } from "../service.js";
import { JsonBody } from "../upload/json-body.js";
import { receiveUpload } from "../upload/receive.js";
import { sendEvents } from "./events.js";
import { findModel } from "./models.js";
import { parsed } from "./parsed.js";
import { recordRead } from "./record-read.js";

type ById = { Params: { id: string } };

/** The longest that a request may wait for its result. */
const MOST_WAIT_S = 300;
const tags = ["predictions"];
const security = [{ token: [] }];
const params = jsonOf(z.object({ id: z.uuid() }));
const idempotencyKey = z
  .string()
  .min(1)
  .max(255)
  .optional()
  .describe(
    "Any text that is unique to this request: a request that is repeated with it makes no second prediction",
  );

export function addPredictionRoutes(app: FastifyInstance, service: Service): void {
  const { predictions, dispatcher, audit } = service;
  app.post("/v1/predictions", { schema: POST_SCHEMA }, (request, reply) => post(service, request, reply));
  app.get(
    "/v1/predictions",
    {
      schema: {
        tags,
        security,
        summary: "Your predictions, the newest first, without their results",
        querystring: jsonOf(listSchema),
        response: { 200: { type: "array", items: predictionJson() }, ...problems },
      },
    },
    ({ query, who }) => predictions.newest(who, parsed(listSchema, query).limit),
  );
  app.get<ById>(
    "/v1/predictions/:id",
    {
      schema: {
        tags,
        security,
        summary: "A prediction",
        params,
        response: { 200: predictionJson(), ...problems },
      },
    },
    ({ params: { id }, who }) => {
      const prediction = predictions.of(id, who);
      recordRead(service, who, prediction);
      return prediction;
    },
  );
  app.get<ById>(
    "/v1/predictions/:id/events",
    { schema: { tags, security, summary: "Its changes as server-sent events, until it has ended", params } },
    (request, reply) => {
      predictions.of(request.params.id, request.who);
      return sendEvents(service, request.params.id, request, reply);
    },
  );
  app.get<ById>(
    "/v1/predictions/:id/result",
    {
      schema: {
        tags,
        security,
        summary: "The result of each scan, as slicestack predict writes it; 409 before it has ended",
        params,
        response: { 200: resultsJson(), ...problems },
      },
    },
    ({ params: { id }, who }) => {
      const prediction = predictions.of(id, who);
      const { results, state, problem } = prediction;
      if (results === null)
        throw new Problem(
          "not-ready",
          `The prediction is ${state}`,
          problem?.detail ?? "Ask again when it is done.",
        );
      recordRead(service, who, prediction);
      return results;
    },
  );
  app.get<{ Params: { id: string; number: string } }>(
    "/v1/predictions/:id/maps/:number",
    {
      schema: {
        tags,
        security,
        summary: "A map as compressed NIfTI, in the space of the scan",
        params: jsonOf(z.object({ id: z.uuid(), number: z.string() })),
      },
    },
    ({ params: { id, number }, who }, reply) => {
      const { path } = predictions.map(id, who, Number(number));
      recordRead(service, who, predictions.of(id, who));
      const headers = { "content-disposition": `attachment; filename="map-${Number(number)}.nii.gz"` };
      return reply.headers(headers).type("application/gzip").send(createReadStream(path));
    },
  );
  app.delete<ById>(
    "/v1/predictions/:id",
    { schema: { tags, security, summary: "Cancel it, and remove everything of it", params } },
    async ({ params: { id }, who }, reply) => {
      const { model } = predictions.of(id, who);
      await predictions.remove(id, who, (one) => dispatcher.cancel(one));
      audit.write({ who, action: "delete", prediction: id, model, modelSha256: hashOf(service, model) });
      return reply.status(204).send();
    },
  );
  predictions.events.on("changed", ({ id, model, who, state, scans, modelSha256 }) => {
    if (state !== "done" && state !== "failed") return;
    const sha256 = modelSha256 ?? hashOf(service, model);
    const hashes = scans.map((scan) => audit.hashed(scan));
    audit.write({ who, action: state, prediction: id, model, modelSha256: sha256, scans: hashes });
  });
}

const POST_SCHEMA = {
  tags,
  security,
  summary: "Predict the scans in an upload: a form with files, or one file as the body; or a study of a PACS",
  description:
    'A zip, DICOM files, NIfTI, NRRD or MetaImage. Prefer: wait=30 waits for the result. Names of files are ignored. As JSON, {"pacs": NAME, "study": UID, "series": UID} names a study, or one series of it, that the server fetches.',
  consumes: [
    "multipart/form-data",
    "application/zip",
    "application/dicom",
    "application/octet-stream",
    "application/json",
  ],
  querystring: jsonOf(requestSchema),
  headers: jsonOf(z.object({ "idempotency-key": idempotencyKey, prefer: z.string().optional() })),
  response: { 200: predictionJson(), 202: predictionJson(), ...problems },
};

async function post(service: Service, request: FastifyRequest, reply: FastifyReply): Promise<Prediction> {
  const { predictions, dispatcher, pool, settings, audit, metrics } = service;
  if (service.isStopping)
    throw new Problem("unavailable", "The server is stopping", "Try again soon.", { "retry-after": "10" });
  const { model: name, sendTo: names, ...wanted } = parsed(requestSchema, request.query);
  const sendTo = [...new Set(names?.split(",") ?? [])];
  for (const to of sendTo) service.targets.for(to, "push");
  const options = sendTo.length === 0 ? wanted : { ...wanted, dicom: "true" as const };
  const model = findModel(pool.models, name);
  const key = parsed(idempotencyKey, request.headers["idempotency-key"]) ?? null;
  const wait = waitOf(request.headers["prefer"]);
  const { who } = request;
  if (key === null) predictions.refuseIfFull();
  const prediction = { who, model: model.name, options, sendTo, key };
  const id =
    request.body instanceof JsonBody
      ? addRemote(service, prediction, request.body)
      : await predictions.add(prediction, async () => {
          const upload = await receiveUpload(request, predictions.uploads, settings);
          metrics.upload(upload.bytes);
          return upload;
        });
  try {
    audit.write({ who, action: "predict", prediction: id, model: model.name, modelSha256: model.sha256 });
  } catch (error) {
    // Nothing runs that is not in the audit log.
    await predictions.remove(id, who, (one) => dispatcher.cancel(one));
    throw error;
  }
  dispatcher.wake();
  const hasEnded = wait !== null && (await predictions.ended(id, wait * 1000, closedSignal(reply)));
  void reply.status(hasEnded ? 200 : 202).header("location", `/v1/predictions/${id}`);
  if (wait !== null) void reply.header("preference-applied", `wait=${wait}`);
  return predictions.of(id, who);
}

/** Adds a prediction of a study that the server fetches. */
function addRemote(
  { predictions, targets, transfers }: Service,
  wanted: NewPrediction,
  body: JsonBody,
): string {
  const from = parsed(remoteSchema, body.value);
  targets.for(from.pacs, "pull");
  const id = predictions.addRemote(wanted, from);
  transfers.pull(id, from.pacs);
  return id;
}

/** Seconds to wait for the result; null if the client does not want to. @throws Problem */
function waitOf(prefer: string | string[] | undefined): number | null {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*(\d{1,6})/i.exec(String(prefer ?? "")) ?? [];
  return seconds === undefined ? null : Math.min(MOST_WAIT_S, Number(seconds));
}

/** Aborted when the client goes away. */
function closedSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  if (reply.raw.destroyed) controller.abort(); // it left during the upload
  reply.raw.once("close", () => controller.abort()); // of the answer: a connection may carry thousands
  return controller.signal;
}

function hashOf({ pool }: Service, model: string): string | null {
  return pool.models.find(({ name }) => name === model)?.sha256 ?? null;
}
