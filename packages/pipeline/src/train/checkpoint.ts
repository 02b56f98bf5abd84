/**
 * Checkpoints of a stage: `best` holds weights; `last.1.state` and `last.2.state` hold in turn all that is needed to go on,
 * and `last.json` says which is the newer, with the hash of each: a torn or damaged one is noticed, and the one before is taken.
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { getGeneratorState, noGrad, scope, setGeneratorState, type Tensor } from "@slicestack/torch";
import { rank } from "@slicestack/torch/distributed";
import type { Module } from "@slicestack/torch/nn";
import type { Optimizer, Schedule, ScheduleState } from "@slicestack/torch/optim";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { z } from "zod";
import { removeTemporaries, writeFileAtomic } from "../data/atomic.js";
import { fileHashSync } from "../data/hash.js";
import { writeRecorded } from "../export/recorded.js";
import { readSafetensors, writeSafetensors } from "../export/safetensors.js";
import { runPaths, type StageName } from "../run/folder.js";

/** Where a stage stands. Epochs and steps count from 0; `step` is the next one of `epoch`. */
export interface StageState {
  epoch: number;
  step: number;
  totalSteps: number;
  lossSum: number;
  lossCount: number;
  gradientSum: number;
  seconds: number;
  /** Pieces that a batch is computed in: more, once memory has run out. */
  pieces: number;
  best: { epoch: number; score: number; loss: number } | null;
  finished: boolean;
}

export function freshState(pieces: number): StageState {
  return {
    epoch: 0,
    step: 0,
    totalSteps: 0,
    lossSum: 0,
    lossCount: 0,
    gradientSum: 0,
    seconds: 0,
    pieces,
    best: null,
    finished: false,
  };
}

/** What a stage knows besides its model, and a resume in the middle of an epoch needs. */
export interface StageMemory {
  tensors(): Map<string, Tensor>;
  restore(tensors: ReadonlyMap<string, Tensor>): void;
}

interface Parts {
  model: Module;
  optimizer: Optimizer;
  schedule: Pick<Schedule, "state" | "restore">;
  memories: readonly (StageMemory | null | undefined)[];
}

const pointerSchema = z.strictObject({
  states: z.array(z.strictObject({ file: z.string(), sha256: z.string() })).min(1),
});

/** Newest first. */
type Pointer = z.infer<typeof pointerSchema>;

/** Whether a stage has begun: there is something to go on from. */
export const isBegun = (run: string, stage: StageName): boolean => existsSync(runPaths(run).state(stage));

export class Checkpoints {
  readonly #folder: string;
  readonly #run: string;
  readonly #stage: StageName;
  readonly #log: (line: string) => void;
  readonly #device: string;

  /** @param device whose random generator dropout draws from */
  constructor(run: string, stage: StageName, log: (line: string) => void = () => undefined, device = "cpu") {
    this.#run = run;
    this.#stage = stage;
    this.#log = log;
    this.#device = device;
    this.#folder = runPaths(run).checkpoints(stage);
    mkdirSync(this.#folder, { recursive: true });
    if (rank() === 0) removeTemporaries(this.#folder);
  }

  /** Weights of the best epoch so far. Of several processes the first one writes. */
  saveBest(model: Module, metadata: Record<string, string>): void {
    if (rank() > 0) return;
    scope(() => writeRecorded(runPaths(this.#run).best(this.#stage), model.stateDict(), metadata));
  }

  save(state: StageState, { model, optimizer, schedule, memories }: Parts): void {
    if (rank() > 0) return;
    scope(() => {
      const weights = model.stateDict();
      const { tensors, numbers } = optimizer.stateDict();
      const all = new Map<string, Tensor>([["generator", getGeneratorState()]]);
      if (this.#device.startsWith("cuda")) all.set("generator.cuda", getGeneratorState(this.#device));
      for (const [name, tensor] of weights) all.set(`model.${name}`, tensor);
      for (const [name, tensor] of tensors) all.set(`optimizer.${name}`, tensor);
      for (const memory of memories)
        for (const [name, tensor] of memory?.tensors() ?? []) all.set(`memory.${name}`, tensor);
      const metadata = {
        state: JSON.stringify(state),
        optimizer: JSON.stringify(numbers),
        schedule: JSON.stringify(schedule.state()),
      };
      const before = this.#pointer()?.states[0];
      const file = before?.file === "last.1.state" ? "last.2.state" : "last.1.state";
      const sha256 = writeSafetensors(join(this.#folder, file), all, metadata);
      // Before the state is named: the last state of a stage is never written again, nor would this file be.
      writeSafetensors(runPaths(this.#run).last(this.#stage), weights, { epoch: String(state.epoch) });
      this.#point([{ file, sha256 }, ...(before === undefined ? [] : [before])]);
    });
  }

  /** Loads everything back; undefined where the stage has not begun. @throws CheckpointError where no state is whole */
  restore(parts: Parts): StageState | undefined {
    const pointer = this.#pointer();
    if (pointer === undefined) return undefined;
    for (const { file, sha256 } of pointer.states) {
      const path = join(this.#folder, file);
      if (hashOf(path) === sha256) {
        // What is damaged is forgotten, so that the next state is written over it, and not over the one that is whole.
        if (rank() === 0 && pointer.states[0]?.file !== file) this.#point([{ file, sha256 }]);
        return restored(path, parts, this.#device);
      }
      if (rank() === 0) this.#log(`${path} is damaged or gone; the checkpoint before it is taken`);
    }
    throw new CheckpointError(
      runPaths(this.#run).state(this.#stage),
      "names no checkpoint that is whole",
      "Train this run again from its start, in another folder.",
    );
  }

  #point(states: Pointer["states"]): void {
    writeFileAtomic(runPaths(this.#run).state(this.#stage), `${JSON.stringify({ states }, null, 2)}\n`);
  }

  #pointer(): Pointer | undefined {
    const file = runPaths(this.#run).state(this.#stage);
    return existsSync(file) ? readPointer(file) : undefined;
  }
}

function readPointer(file: string): Pointer {
  try {
    return pointerSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    throw new CheckpointError(file, "is damaged", "Train this run again from its start, in another folder.", {
      cause,
    });
  }
}

function hashOf(path: string): string | null {
  try {
    return fileHashSync(path);
  } catch {
    return null;
  }
}

function restored(file: string, { model, optimizer, schedule, memories }: Parts, device: string): StageState {
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
    for (const memory of memories) memory?.restore(below("memory."));
    if (rank() === 0) setGeneratorState(generator); // each process draws its own dropout
    const other = tensors.get("generator.cuda");
    if (rank() === 0 && other !== undefined && device.startsWith("cuda")) setGeneratorState(other, device);
    return parsed<StageState>(file, metadata, "state");
  });
}

function parsed<T>(file: string, metadata: Record<string, string>, key: string): T {
  try {
    return JSON.parse(metadata[key] ?? "") as T;
  } catch {
    throw new CheckpointError(file, `has no readable ${key} in its metadata`);
  }
}
