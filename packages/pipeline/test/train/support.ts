import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { scope } from "@slicestack/torch";
import { loadConfig } from "../../src/config/load.js";
import { configToYaml } from "../../src/config/to-yaml.js";
import type { RunConfig } from "../../src/config/types.js";
import { generatePhantoms } from "../../src/data/phantom.js";
import { prepare } from "../../src/tasks/prepare.js";
import { sha256Of } from "../../src/data/sealed-json.js";
import { readSafetensors } from "../../src/weights/safetensors.js";
import {
  appendLog,
  readRecord,
  readRunConfig,
  runPaths,
  writeRecord,
  type StageName,
} from "../../src/run/folder.js";
import { openRun } from "../../src/run/open-run.js";
import { modelOfRun } from "../../src/train/init-from.js";
import { job as trainJob, type TrainJob, type TrainOutcome } from "../../src/train/train-job.js";
import { alone } from "../../src/train/world.js";

/** A temporary folder with a separate cache, removed when the process ends. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-train-"));
  process.env["XDG_CACHE_HOME"] = join(folder, "cache");
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The file of the newest state to resume from. */
export function newestState(run: string, stage: StageName): string {
  const { states } = JSON.parse(readFileSync(runPaths(run).state(stage), "utf8")) as {
    states: { file: string }[];
  };
  return join(runPaths(run).checkpoints(stage), states[0]!.file);
}

/** A small real data set: phantoms of two classes and more, 32 x 32 pixels, 8 slices. */
export async function smallDataset(folder: string, subjects = 20): Promise<string> {
  const phantoms = await generatePhantoms({
    destination: join(folder, "scans"),
    subjects,
    seed: 3,
    size: 48,
    minimum: 4,
    workers: 1,
  });
  const destination = join(folder, "data");
  await prepare({
    source: join(folder, "scans"),
    destination,
    labels: phantoms.labels,
    size: [32, 32],
    depth: 8,
    workers: 1,
    name: "small",
  });
  return destination;
}

/** One epoch in each stage of a method; default 2.5d. */
export function oneEpoch(method = "2.5d"): Record<string, string> {
  if (method === "3d") return { "network.epochs": "1" };
  return { "slice.epochs": "1", ...(method === "2d" ? {} : { "head.epochs": "1" }) };
}

/** The sections of the method that the overrides ask for; `volume` are the keys of its head or its network. */
function sectionsOf(
  { method }: Record<string, string>,
  { slice, volume }: { slice: string; volume: string },
): string {
  if (method === "3d") return `method: 3d\nnetwork: {${volume}}`;
  return `slice: {model: slice_cnn, ${slice}}\nhead: {model: attention, ${volume}}`;
}

export function smallConfig(overrides: Record<string, string> = {}): RunConfig {
  const text = `
name: small
threads: 1
${sectionsOf(overrides, {
  slice:
    "epochs: 2, batch_size: 16, slices_per_volume: 4, learning_rate: 0.001, schedule: one_cycle, dropout: 0.2",
  volume: "epochs: 4, batch_size: 8, learning_rate: 0.001, dropout: 0.2",
})}
`;
  return loadConfig({ text, overrides });
}

/** The hash of a stage's last weights: of a run that keeps its states. */
export function lastWeights(run: string, stage: StageName): string {
  const hash = createHash("sha256");
  scope(() => {
    for (const [name, tensor] of readSafetensors(newestState(run, stage)).tensors)
      if (name.startsWith("model.")) hash.update(name).update(new Uint8Array(tensor.toTypedArray().buffer));
  });
  return hash.digest("hex");
}

/** The smallest: 20 phantoms of five classes, 16 x 16 pixels, 8 slices. */
export async function tinyDataset(folder: string): Promise<string> {
  const source = join(folder, "scans");
  const phantoms = await generatePhantoms({
    destination: source,
    subjects: 20,
    seed: 3,
    size: 32,
    minimum: 4,
    workers: 1,
  });
  const destination = join(folder, "data");
  await prepare({
    source,
    destination,
    labels: phantoms.labels,
    size: [16, 16],
    depth: 8,
    workers: 1,
    name: "tiny",
  });
  return destination;
}

/** Two steps an epoch in each stage. */
export function tinyConfig(overrides: Record<string, string> = {}): RunConfig {
  const text = `
name: tiny
threads: 1
${sectionsOf(overrides, {
  slice: "epochs: 2, batch_size: 16, slices_per_volume: 2, learning_rate: 0.001, dropout: 0.2",
  volume: "epochs: 2, batch_size: 6, learning_rate: 0.001, dropout: 0.2",
})}
`;
  return loadConfig({ text, overrides });
}

const sha256 = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

/** The best weights of a run by their hash, and what the newest states hold but for the seconds: of runs that keep their states. */
export function weightsOf(run: string, stages: readonly StageName[]): Record<string, string> {
  const paths = runPaths(run);
  const files = stages.flatMap((stage) => [
    [`${stage} best`, sha256(paths.best(stage))],
    [`${stage} state`, stateOf(run, stage)],
  ]);
  return Object.fromEntries(files) as Record<string, string>;
}

function stateOf(run: string, stage: StageName): string {
  const bytes = readFileSync(newestState(run, stage));
  const header = Number(bytes.readBigUInt64LE(0));
  const text = bytes.toString("utf8", 8, 8 + header).replace(/\\"seconds\\":[\d.e-]+/, "");
  return createHash("sha256")
    .update(text.trimEnd())
    .update(bytes.subarray(8 + header, -32)) // its own hash is over the seconds too
    .digest("hex");
}

/** Rows of metrics.jsonl without the seconds, which no two runs share. */
export function curvesOf(run: string): Record<string, unknown>[] {
  const lines = readFileSync(runPaths(run).metrics, "utf8").trim().split("\n");
  return lines.map((line) => ({ ...(JSON.parse(line) as Record<string, unknown>), seconds: 0 }));
}

/** Begins a run that has not computed yet: the folder of another one, without what it trained, with its or another configuration. */
export function blankRun(from: string, out: string, config?: RunConfig): void {
  mkdirSync(out, { recursive: true });
  for (const name of ["config", "split", "record"] as const)
    cpSync(runPaths(from)[name], runPaths(out)[name]);
  if (config === undefined) return;
  const yaml = configToYaml(config);
  writeFileSync(runPaths(out).config, yaml);
  writeRecord(out, { ...readRecord(out), configSha256: sha256Of(yaml) });
  writeRecord(out, { ...readRecord(out), classes: openRun(out).task.classes.names });
}

/**
 * Trains on this thread what `train` would in its worker, up to this step of this stage: to the step, where a stop that
 * comes by message cannot be. @returns with the outcome, what it reported of, in order
 */
export function trainHere(
  run: string,
  data: string,
  stop?: { stage: StageName; step: number },
  saveSeconds?: number,
): TrainOutcome & { reported: string[] } {
  let stopping = false;
  const reported: string[] = [];
  const compute = readRunConfig(run);
  const job: TrainJob = {
    run,
    data,
    stage: "all",
    resume: true,
    pretrained: null,
    initFrom: compute.initFrom === null ? null : [modelOfRun(compute.initFrom)],
    world: alone,
    compute,
    saveSeconds,
    keepStates: true,
  };
  const outcome = trainJob(job, {
    report: ({ stage, done }) => {
      if (stage !== reported.at(-1)) reported.push(stage);
      if (stop !== undefined && stage === `${stop.stage} stage` && done >= stop.step) stopping = true;
    },
    log: (line) => appendLog(run, line),
    event: () => undefined,
    stopping: () => stopping,
  });
  return { ...outcome, reported };
}
