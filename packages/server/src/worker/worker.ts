/**
 * A process that keeps the models open and predicts one upload after another. A crash of the engine or a kill ends this
 * process alone; the server starts another one. It ends with the server.
 */
import { join } from "node:path";
import { modelCardOf, predictWith } from "@slicestack/pipeline/internal";
import { PredictError, Predictor, type ScanResult } from "@slicestack/pipeline";
import { PredictionFolder, type Asked } from "../jobs/prediction-folder.js";
import type { MAP_KINDS, ServedModel } from "../schema.js";
import type { FromWorker, OpenModels, StageSeconds, ToWorker } from "./messages.js";

const models = new Map<string, Predictor>();
const running = new Map<string, AbortController>();

process.on("message", (message: ToWorker) => void answer(message));
process.on("disconnect", () => process.exit(0));
// Ctrl-C in a terminal reaches this process, too; the server decides when it ends.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

async function answer(message: ToWorker): Promise<void> {
  const id = message.type === "open" ? null : message.id;
  try {
    if (message.type === "open") send({ type: "open", models: await openModels(message) });
    else if (message.type === "cancel") running.get(message.id)?.abort();
    else
      send({
        type: "done",
        id: message.id,
        seconds: await predicted(message),
        rss: process.memoryUsage.rss(),
      });
  } catch (error) {
    const { name, message: text } = error instanceof Error ? error : new Error(String(error));
    send({ type: "failed", id, name, message: text, isOfUpload: name === "PredictError" });
  }
}

const send = (message: FromWorker): void => void process.send!(message);

async function openModels({ models: wanted, allowPlugins, compute }: OpenModels): Promise<ServedModel[]> {
  const served: ServedModel[] = [];
  for (const { name, path } of wanted) {
    const model = await Predictor.open(path, { ...compute, allowPlugins });
    models.set(name, model);
    const { spec, sha256, hashes, isCalibrated: calibrated } = model;
    const card = await modelCardOf(path);
    served.push({
      name,
      method: spec.method,
      classes: [...model.classes],
      sha256,
      members: hashes.length,
      calibrated,
      card,
    });
  }
  return served;
}

async function predicted({ id, folder: path }: { id: string; folder: string }): Promise<StageSeconds> {
  const folder = new PredictionFolder(path);
  const { model: name, options, files } = folder.asked;
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const model = models.get(name);
    if (model === undefined)
      throw new PredictError(`The model ${name} is no longer served`, "Choose another.");
    const { results, failed } = await predictWith(model, {
      inputs: files.length === 1 ? [join(folder.input, files[0]!)] : [folder.input],
      out: folder.output,
      ...optionsOf(options),
      signal: controller.signal,
      onProgress: ({ stage, done, total, unit }) => send({ type: "progress", id, stage, done, total, unit }),
    });
    const shown = (text: string) =>
      text.replaceAll(`${folder.input}/`, "").replaceAll(folder.input, "the upload");
    folder.writeOutcome({
      results: results.map((result) => ({ ...result, source: shown(result.source) })),
      unreadable: failed.map(({ source, reason }) => ({ source: shown(source), reason: shown(reason) })),
    });
    return secondsOf(results);
  } finally {
    running.delete(id);
  }
}

function optionsOf({ series, operatingPoint, maps }: Asked["options"]) {
  return {
    ...(series === undefined ? {} : { series }),
    ...(operatingPoint === undefined ? {} : { operatingPoint }),
    ...(maps === undefined ? {} : { maps: [...new Set(maps.split(","))] as (typeof MAP_KINDS)[number][] }),
  };
}

const secondsOf = (results: readonly ScanResult[]): StageSeconds => ({
  prepare: results.reduce((sum, { seconds }) => sum + seconds.prepare, 0),
  predict: results.reduce((sum, { seconds }) => sum + seconds.predict, 0),
});
