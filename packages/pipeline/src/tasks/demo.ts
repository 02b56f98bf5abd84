/** The whole pipeline on generated scans: phantoms, prepare, split, train, evaluate. */
import { existsSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { inOneSession } from "../engine/session.js";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import { demoConfig } from "../config/demo.js";
import type { RunConfig } from "../config/types.js";
import { claimFolder, markFolder, refuseForeign } from "../data/owned-folder.js";
import { generatePhantoms } from "../data/phantom.js";
import { prepare } from "./prepare.js";
import { makeSplit } from "../data/split/holdout.js";
import { writeSplit } from "../data/split/split.js";
import { evaluate, type EvaluateResult } from "./evaluate.js";
import { train } from "./train.js";

/** The smallest number of subjects of the rarest class: with fewer, the test set has too few of them to be informative. */
const FEWEST = 34;

export interface DemoOptions extends TaskOptions {
  /** Folder for scans, data set and run; the files of an earlier demo are replaced. */
  out: string;
  /** Default 240. */
  subjects?: number;
  seed?: number;
  config?: RunConfig;
  command?: string;
}

export interface DemoResult extends EvaluateResult {
  /** The prepared data set. */
  data: string;
  seconds: number;
}

/** The demo was stopped with a run that can be resumed. Before there is a run, the reason of the signal is thrown instead. */
export class DemoStopped extends Error {
  override readonly name = "AbortError";
  constructor(
    readonly run: string,
    /** True if only the evaluation is missing. */
    readonly trained: boolean,
  ) {
    super(`${run}: stopped and saved`);
  }
}

/** @throws DemoStopped, FolderError if `out` holds scans, data or a run that a demo did not create   @throws the signal's reason */
export function runDemo(options: DemoOptions): Promise<DemoResult> {
  return inOneSession(options, runDemoInSession);
}

async function runDemoInSession(options: DemoOptions): Promise<DemoResult> {
  const started = performance.now();
  const { subjects = 240, seed = 1, config = demoConfig(), signal } = options;
  const out = resolve(options.out);
  const [scans, data, run] = [join(out, "scans"), join(out, "data"), join(out, "run")];
  claim(out);
  refuseForeign(scans, "scans");
  refuseForeign(data, "dataset");
  refuseForeign(run, "run");
  for (const folder of [scans, data, run]) rmSync(folder, { recursive: true, force: true });
  const { onLog: _, ...followed } = taskOptionsOf(options);

  const phantoms = await generatePhantoms({
    destination: scans,
    subjects,
    minimum: FEWEST,
    seed,
    ...followed,
  });
  const dataset = await prepare({
    source: scans,
    destination: data,
    labels: phantoms.labels,
    name: "phantom",
    size: [64, 64],
    depth: 24,
    ...followed,
  });
  writeSplit(dataset, makeSplit(dataset, config.split));
  const command = options.command ?? "runDemo() of @slicestack/pipeline";
  const trained = await train({ config, data, out: run, command, ...followed });
  if (trained.status === "stopped") throw new DemoStopped(run, false);
  try {
    const result = await evaluate({ run, command, ...followed });
    return { ...result, data, seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    throw signal?.aborted === true ? new DemoStopped(run, true) : error;
  }
}

/** Demos of earlier versions used another mark, and their scans had none. */
function claim(out: string): void {
  const isOld = existsSync(join(out, ".slicestack-demo"));
  claimFolder(out, "demo", isOld);
  if (isOld && existsSync(join(out, "scans"))) markFolder(join(out, "scans"), "scans");
}
