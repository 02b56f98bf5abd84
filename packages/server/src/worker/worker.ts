/**
 * A process that keeps the models open and predicts one upload after another. A crash of the engine or a kill ends this
 * process alone; the server starts another one. It ends with the server.
 */
import { join, relative } from "node:path";
import { modelCardOf, predictWith, writeStoredZip } from "@slicestack/pipeline/internal";
import { PredictError, Predictor, type ScanResult, type WrittenObjects } from "@slicestack/pipeline";
import { PredictionFolder, type Asked, type StoredObject } from "../jobs/prediction-folder.js";
import type { MAP_KINDS, ServedModel } from "../schema.js";
import { DISK_FULL } from "./messages.js";
import type { FromWorker, OpenModels, StageSeconds, ToWorker } from "./messages.js";

const models = new Map<string, Predictor>();
const paths = new Map<string, string>();
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
    const failure: NodeJS.ErrnoException = error instanceof Error ? error : new Error(String(error));
    const { name, message: text, code } = failure;
    const kind = code !== undefined && FULL.has(code) ? DISK_FULL : name;
    const shown = id === null ? text : withoutPaths(text);
    send({ type: "failed", id, name: kind, message: shown, isOfUpload: name === "PredictError" });
  }
}

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Clients know models by their names, and options by those of the query. */
function withoutPaths(text: string): string {
  let shown = text.replaceAll("--operating-point", "operatingPoint");
  for (const [name, path] of paths) shown = shown.replaceAll(path, name);
  return shown;
}

const send = (message: FromWorker): void => void process.send!(message);

async function openModels({ models: wanted, allowPlugins, compute }: OpenModels): Promise<ServedModel[]> {
  const served: ServedModel[] = [];
  for (const { name, path } of wanted) {
    const model = await Predictor.open(path, {
      ...compute,
      allowPlugins,
      onBatch: (scans, slices) => send({ type: "batch", scans, slices }),
    });
    models.set(name, model);
    paths.set(name, path);
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
    const { results, failed, dicom, withoutDicom } = await predictWith(model, {
      inputs: files.length === 1 ? [join(folder.input, files[0]!)] : [folder.input],
      out: folder.output,
      ...(options.dicom === "true" ? { dicom: folder.dicom } : {}),
      ...optionsOf(options),
      signal: controller.signal,
      onProgress: ({ stage, done, total, unit }) => send({ type: "progress", id, stage, done, total, unit }),
    });
    const shown = (text: string) =>
      text.replaceAll(`${folder.input}/`, "").replaceAll(folder.input, "the upload");
    const reasons = (scans: typeof failed) =>
      scans.map(({ source, reason }) => ({ source: shown(source), reason: shown(reason) }));
    const objects = objectsOf(dicom, folder);
    if (objects.length > 0) archive(objects, folder);
    folder.writeOutcome({
      results: results.map((result) => ({ ...result, source: shown(result.source) })),
      unreadable: reasons(failed),
      objects,
      withoutObjects: reasons(withoutDicom),
    });
    return secondsOf(results);
  } finally {
    running.delete(id);
  }
}

const objectsOf = (written: readonly WrittenObjects[], folder: PredictionFolder): StoredObject[] =>
  written.flatMap(({ objects }) =>
    objects.map(({ kind, file, sopInstanceUid: instance }) => ({
      kind,
      instance,
      file: relative(folder.dicom, file),
    })),
  );

function archive(objects: readonly StoredObject[], folder: PredictionFolder): void {
  const members = objects.map(({ file }) => ({ name: file, content: { file: join(folder.dicom, file) } }));
  writeStoredZip(folder.archive, members);
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
