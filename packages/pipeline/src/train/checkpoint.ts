/** Checkpoints of a stage: `best` holds weights, `last.state` all that is needed to go on, in one file written whole. */
import { existsSync, mkdirSync } from "node:fs";
import { getGeneratorState, noGrad, scope, setGeneratorState, type Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import type { Optimizer, Schedule, ScheduleState } from "@slicestack/torch/optim";
import { CheckpointError, readSafetensors, writeSafetensors } from "../export/safetensors.js";
import { runPaths, type StageName } from "../run/folder.js";

/** Where a stage stands. Epochs and steps count from 0; `step` is the next one of `epoch`. */
export interface StageState {
  epoch: number;
  step: number;
  totalSteps: number;
  lossSum: number;
  lossCount: number;
  seconds: number;
  best: { epoch: number; score: number; loss: number } | null;
  finished: boolean;
}

/** What a stage knows besides its model, and a resume in the middle of an epoch needs. */
export interface StageMemory {
  tensors(): Map<string, Tensor>;
  restore(tensors: ReadonlyMap<string, Tensor>): void;
}

interface Parts {
  model: Module;
  optimizer: Optimizer;
  schedule: Schedule;
  memory?: StageMemory | undefined;
}

export class Checkpoints {
  readonly #run: string;
  readonly #stage: StageName;

  constructor(run: string, stage: StageName) {
    this.#run = run;
    this.#stage = stage;
    mkdirSync(runPaths(run).checkpoints(stage), { recursive: true });
  }

  /** Weights of the best epoch so far. @returns SHA-256 of the file */
  saveBest(model: Module, metadata: Record<string, string>): string {
    return scope(() => writeSafetensors(runPaths(this.#run).best(this.#stage), model.stateDict(), metadata));
  }

  save(state: StageState, { model, optimizer, schedule, memory }: Parts): void {
    scope(() => {
      const weights = model.stateDict();
      const { tensors, numbers } = optimizer.stateDict();
      const all = new Map<string, Tensor>([["generator", getGeneratorState()]]);
      for (const [name, tensor] of weights) all.set(`model.${name}`, tensor);
      for (const [name, tensor] of tensors) all.set(`optimizer.${name}`, tensor);
      for (const [name, tensor] of memory?.tensors() ?? []) all.set(`memory.${name}`, tensor);
      const metadata = {
        state: JSON.stringify(state),
        optimizer: JSON.stringify(numbers),
        schedule: JSON.stringify(schedule.state()),
      };
      writeSafetensors(runPaths(this.#run).state(this.#stage), all, metadata);
      writeSafetensors(runPaths(this.#run).last(this.#stage), weights, { epoch: String(state.epoch) });
    });
  }

  /** Loads everything back. @throws CheckpointError, StateDictError, OptimizerStateError */
  restore({ model, optimizer, schedule, memory }: Parts): StageState | undefined {
    const file = runPaths(this.#run).state(this.#stage);
    if (!existsSync(file)) return undefined;
    return scope(() => {
      const { tensors, metadata } = readSafetensors(file);
      const below = (prefix: string) =>
        new Map(
          [...tensors]
            .filter(([name]) => name.startsWith(prefix))
            .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
        );
      const generator = tensors.get("generator");
      if (generator === undefined) throw new CheckpointError(file, "has no generator state");
      noGrad(() => model.loadStateDict(below("model.")));
      optimizer.loadStateDict({ tensors: below("optimizer."), numbers: parsed(file, metadata, "optimizer") });
      schedule.restore(parsed<ScheduleState>(file, metadata, "schedule"));
      memory?.restore(below("memory."));
      setGeneratorState(generator);
      return parsed<StageState>(file, metadata, "state");
    });
  }
}

function parsed<T>(file: string, metadata: Record<string, string>, key: string): T {
  try {
    return JSON.parse(metadata[key] ?? "") as T;
  } catch {
    throw new CheckpointError(file, `has no readable ${key} in its metadata`);
  }
}
