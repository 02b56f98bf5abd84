/** `init_from`: the weights of another run or of an imported checkpoint from which a stage starts. */
import { existsSync } from "node:fs";
import { pathWord } from "../command-line.js";
import { stagesOf, type StageName } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import { readRunConfig, RunError, runPaths } from "../run/folder.js";

export interface Source {
  file: string;
  /** The prefix of the names in the file, if the model is part of another one there. */
  prefix: string;
}

/**
 * The file of that run for a stage; null if it does not have this head, which then starts from random weights.
 * @throws RunError if it is not a run, is not trained, or has other models
 */
export function initSource(config: RunConfig, stage: StageName): Source | null {
  const run = config.initFrom!;
  const theirs = readRunConfig(run);
  const model = (of: RunConfig) => (of.method === "3d" ? of.network.model.name : of.slice.model.name);
  if ((theirs.method === "3d") !== (config.method === "3d") || model(theirs) !== model(config))
    throw new RunError(
      run,
      `is a run of ${model(theirs)} (${theirs.method}), this one is of ${model(config)} (${config.method})`,
      "Set init_from to a run of the same model; its classes may differ.",
    );
  const stages = stagesOf(theirs);
  if (stage === "volume" && config.method === "2.5d" && headOf(theirs) !== headOf(config)) return null;
  const isTuned = stages.includes("fine_tune");
  const source: Source = isTuned
    ? { file: runPaths(run).best("fine_tune"), prefix: stage === "slice" ? "trunk." : "head." }
    : { file: runPaths(run).best(stage), prefix: "" };
  if (existsSync(source.file)) return source;
  const missing = isTuned ? "fine_tune" : stage;
  throw new RunError(
    run,
    `its ${missing} stage is not trained`,
    `To continue: slicestack train --resume ${pathWord(run)}`,
  );
}

const headOf = (config: RunConfig): string | null => (config.method === "2.5d" ? config.head.model.name : null);

/** Checks before a run begins what its stages would refuse. @throws RunError, ConfigError */
export function checkInitFrom(config: RunConfig): void {
  if (config.initFrom === null) return;
  for (const stage of stagesOf(config)) if (stage !== "fine_tune") initSource(config, stage);
}
