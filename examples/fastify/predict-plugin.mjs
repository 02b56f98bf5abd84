/**
 * A Fastify plug-in that predicts uploaded scans:
 *
 *     const app = fastify({ pluginTimeout: 0 }); // opening a model may take longer than ten seconds
 *     await app.register(predictPlugin, { model: "lung.slicestack" });
 *
 * POST /predict with a zip of a DICOM study, or a NIfTI file, as the body gives the results as JSON. One scan is computed
 * at a time. Requests beyond `waiting` are refused with 429, so that a burst cannot fill disk and memory.
 */
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Predictor } from "@slicestack/pipeline";

const NAMES = {
  "application/zip": "scan.zip",
  "application/gzip": "scan.nii.gz",
  "application/octet-stream": "scan",
};

/** @param options `model`: run, group or bundle; `waiting`: most requests at once; `bodyLimit`: bytes of an upload */
export default async function predictPlugin(app, { model: path, waiting = 8, bodyLimit = 2 ** 31 }) {
  const model = await Predictor.open(path);
  app.addHook("onClose", () => model[Symbol.asyncDispose]());
  // The body stays a stream: a scan goes to disk and never into memory as a whole.
  app.addContentTypeParser(Object.keys(NAMES), { bodyLimit }, (_request, body, done) => done(null, body));
  let requests = 0;

  app.get("/model", () => ({ classes: model.classes, calibrated: model.isCalibrated }));

  app.post("/predict", { bodyLimit }, async (request, reply) => {
    const type = String(request.headers["content-type"]).split(";")[0].trim().toLowerCase();
    // Fastify refuses other types of a body, but not a request without one.
    if (!Object.hasOwn(NAMES, type)) return reply.code(415).send({ error: "expected a scan as the body" });
    if (requests >= waiting) return reply.code(429).header("retry-after", "10").send({ error: "busy" });
    requests++;
    const folder = await mkdtemp(join(tmpdir(), "slicestack-upload-"));
    try {
      const file = join(folder, NAMES[type]);
      await pipeline(request.body, limited(bodyLimit), createWriteStream(file));
      const answer = await predicted(file);
      reply.code(answer.results.length > 0 ? 200 : 422);
      return answer;
    } finally {
      requests--;
      await rm(folder, { recursive: true, force: true });
    }
  });

  /** Results without paths of this machine, which are nobody's business. */
  async function predicted(file) {
    const failed = [];
    const results = await model.predict(file, { jobs: 1, onFailure: (one) => failed.push(one) });
    return {
      results: results.map((result) => ({ ...result, source: "upload" })),
      failed: failed.map(({ reason }) => ({ reason: reason.replaceAll(file, "upload") })),
    };
  }
}

/** Ends an upload that is larger than it may be, also one that does not state its length. */
function limited(most) {
  return async function* (pieces) {
    let bytes = 0;
    for await (const piece of pieces) {
      if ((bytes += piece.length) > most)
        throw Object.assign(new Error("the upload is too large"), { statusCode: 413 });
      yield piece;
    }
  };
}
