/**
 * Checkpoints of a stage: `best` holds weights; `last.1.state` and `last.2.state` alternately hold all that is needed to resume,
 * and `last.json` names the newer one, with the hash of each: if a state is damaged, the one before it is used.
 * A state also ends with a hash of itself, so that intact states can be recognised if `last.json` is damaged.
 * A finished stage is not resumed: its states are removed, and `last.json` records how it ended. If that file
 * is damaged and there is no state, the stage must be finished, and its best weights show how it ended.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { getGeneratorState, noGrad, scope, setGeneratorState, zeros, type Tensor } from "@slicestack/torch";
import { rank } from "@slicestack/torch/distributed";
import type { Module } from "@slicestack/torch/nn";
import type { Optimizer, Schedule, ScheduleState } from "@slicestack/torch/optim";
import { CheckpointError, readHeader, safetensorsBytes, WeightsFile } from "@slicestack/torch/safetensors";
import { z } from "zod";
import { makeFolder } from "../data/make-folder.js";
import { AtomicFileWriter, removeTemporaries, writeFileAtomic } from "../data/atomic.js";
import { fileHashSync } from "../data/hash.js";
import { checkRecorded, writeRecorded } from "../weights/recorded-hash.js";
import { readSafetensors } from "../weights/safetensors.js";
import { runPaths, type StageName } from "../run/folder.js";

/** The progress of a stage. Epochs and steps count from 0; `step` is the next one in `epoch`. */
export interface StageState {
  epoch: number;
  step: number;
  totalSteps: number;
  lossSum: number;
  lossCount: number;
  gradientSum: number;
  seconds: number;
  /** The number of pieces of a batch, which increases when memory runs out. */
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

/** The state of a stage beside its model that a resume in the middle of an epoch needs. */
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

const stateFiles = ["last.1.state", "last.2.state"] as const;

const stateSchema = z.object({
  epoch: z.number(),
  step: z.number(),
  totalSteps: z.number(),
  lossSum: z.number(),
  lossCount: z.number(),
  gradientSum: z.number(),
  seconds: z.number(),
  pieces: z.number(),
  best: z.object({ epoch: z.number(), score: z.number().nullable(), loss: z.number().nullable() }).nullable(),
  finished: z.literal(true),
});

const pointerSchema = z.strictObject({
  states: z.array(z.strictObject({ file: z.enum(stateFiles), sha256: z.string() })).max(2),
  /** How the stage ended, once it is finished and has no states. */
  finished: stateSchema.optional(),
});

/** Newest first. */
type Pointer = z.infer<typeof pointerSchema>;

/** Whether a stage has begun, so that it can be resumed. */
export const isBegun = (run: string, stage: StageName): boolean =>
  existsSync(runPaths(run).state(stage)) || hasStates(runPaths(run).checkpoints(stage));

const hasStates = (folder: string): boolean => stateFiles.some((file) => existsSync(join(folder, file)));

/** How a stage ended; null if it is not finished. */
export function endOf(run: string, stage: StageName): StageState | null {
  try {
    const { states, finished } = pointerOf(runPaths(run).state(stage));
    if (finished !== undefined) return finishedState(finished);
    const newest = join(runPaths(run).checkpoints(stage), states[0]!.file);
    using file = new WeightsFile(newest);
    const state = parsed<StageState>(newest, readHeader(file).metadata, "state");
    return state.finished ? state : null;
  } catch {
    return endOfWeights(run, stage);
  }
}

/** How a stage ended, by its best weights, if `last.json` is damaged: only a finished stage has that file without states. */
function endOfWeights(run: string, stage: StageName): StageState | null {
  const paths = runPaths(run);
  if (!existsSync(paths.state(stage)) || hasStates(paths.checkpoints(stage))) return null;
  try {
    using file = new WeightsFile(paths.best(stage));
    checkRecorded(file.path, file.hash());
    const { epoch, val_score: score } = readHeader(file).metadata;
    const best = epoch === "none" ? null : { epoch: Number(epoch), score: Number(score), loss: NaN };
    return { ...freshState(1), best, finished: true };
  } catch {
    return null;
  }
}

export const isFinished = (run: string, stage: StageName): boolean => endOf(run, stage) !== null;

/** @throws Error if it is damaged or missing */
const pointerOf = (file: string): Pointer => pointerSchema.parse(JSON.parse(readFileSync(file, "utf8")));

export interface CheckpointOptions {
  log?: (line: string) => void;
  /** The device whose random generator dropout uses. */
  device?: string;
  /** Whether a finished stage keeps its states. */
  keepStates?: boolean;
}

export class Checkpoints {
  readonly #folder: string;
  readonly #run: string;
  readonly #stage: StageName;
  readonly #log: (line: string) => void;
  readonly #device: string;
  readonly #keepStates: boolean;

  constructor(
    run: string,
    stage: StageName,
    { log = () => undefined, device = "cpu", keepStates = false }: CheckpointOptions = {},
  ) {
    this.#run = run;
    this.#stage = stage;
    this.#log = log;
    this.#device = device;
    this.#keepStates = keepStates;
    this.#folder = runPaths(run).checkpoints(stage);
    makeFolder(this.#folder);
    if (rank() === 0) removeTemporaries(this.#folder);
  }

  /** Saves the weights of the best epoch so far. With several processes, only the first one writes. */
  saveBest(model: Module, metadata: Record<string, string>): void {
    if (rank() > 0) return;
    scope(() => writeRecorded(runPaths(this.#run).best(this.#stage), model.stateDict(), metadata));
  }

  /** Saves a state. For a finished stage whose states are not kept, only records that it is finished. */
  save(state: StageState, parts: Parts): void {
    if (rank() > 0) return;
    if (!state.finished || this.#keepStates) return this.#saveState(state, parts);
    this.#write({ states: [], finished: state as Pointer["finished"] });
    this.#dropStates();
  }

  /** Removes the remaining states of a finished stage: the process may have been killed before that. */
  dropRemainingStates(): void {
    if (rank() === 0 && this.#pointer()?.finished !== undefined) this.#dropStates();
  }

  #dropStates(): void {
    for (const file of stateFiles) rmSync(join(this.#folder, file), { force: true });
  }

  #saveState(state: StageState, { model, optimizer, schedule, memories }: Parts): void {
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
      const sha256 = writeSealed(join(this.#folder, file), all, metadata);
      this.#point([{ file, sha256 }, ...(before === undefined ? [] : [before])]);
    });
  }

  /** Restores the newest intact state; undefined if the stage has not begun. @throws CheckpointError if no state is intact */
  restore(parts: Parts): StageState | undefined {
    const pointer = this.#pointer();
    if (pointer === undefined) return undefined;
    if (pointer.finished !== undefined) {
      this.dropRemainingStates();
      return finishedState(pointer.finished);
    }
    for (const { file, sha256 } of pointer.states) {
      const path = join(this.#folder, file);
      if (hashOf(path) === sha256) {
        // The damaged state is dropped from last.json, so that the next state overwrites it and not the intact one.
        if (rank() === 0 && pointer.states[0]?.file !== file) this.#point([{ file, sha256 }]);
        return restored(path, parts, this.#device);
      }
      if (rank() === 0) this.#log(`${path} is damaged or missing; the checkpoint before it is used`);
    }
    throw new CheckpointError(
      runPaths(this.#run).state(this.#stage),
      "does not name an intact checkpoint",
      "Train this run again from its start, in another folder.",
    );
  }

  #point(states: Pointer["states"]): void {
    this.#write({ states });
  }

  #write(pointer: Pointer): void {
    writeFileAtomic(runPaths(this.#run).state(this.#stage), `${JSON.stringify(pointer, null, 2)}\n`);
  }

  #pointer(): Pointer | undefined {
    const file = runPaths(this.#run).state(this.#stage);
    if (!existsSync(file) && !hasStates(this.#folder)) return undefined;
    try {
      return pointerOf(file);
    } catch (cause) {
      return this.#recovered(file, cause);
    }
  }

  /** Restores `last.json` from the states beside it that are intact by their own hashes, the newest first. */
  #recovered(file: string, cause: unknown): Pointer {
    const intact = stateFiles.flatMap((name) => {
      const seal = openSealed(join(this.#folder, name));
      return seal === null ? [] : [{ file: name, ...seal }];
    });
    const [newest] = intact.sort((a, b) => b.totalSteps - a.totalSteps || b.epoch - a.epoch);
    if (newest === undefined) {
      const finished = endOfWeights(this.#run, this.#stage);
      if (finished !== null) return this.#ended(file, finished);
      throw new CheckpointError(
        file,
        "is damaged, and there is no intact checkpoint beside it",
        "Train this run again from its start, in another folder.",
        { cause },
      );
    }
    const pointer = { states: intact.map(({ file: name, sha256 }) => ({ file: name, sha256 })) };
    if (rank() === 0) {
      this.#log(
        `${file} is ${existsSync(file) ? "damaged" : "missing"}; ${newest.file}, the newest intact checkpoint beside it, is used`,
      );
      this.#write(pointer);
    }
    return pointer;
  }

  #ended(file: string, finished: StageState): Pointer {
    const pointer = { states: [], finished: finished as NonNullable<Pointer["finished"]> };
    if (rank() > 0) return pointer;
    this.#log(
      `${file} is damaged; it was restored, because the stage is finished and its best weights are intact`,
    );
    this.#write(pointer);
    return pointer;
  }
}

/** The end of a finished stage, of which only the best weights are read. */
function finishedState(finished: NonNullable<Pointer["finished"]>): StageState {
  const score = (value: number | null) => value ?? NaN; // JSON has no NaN
  const kept = finished.best;
  return {
    ...finished,
    best: kept === null ? null : { epoch: kept.epoch, score: score(kept.score), loss: score(kept.loss) },
  };
}

/** The name of the tensor at the end of a state: the SHA-256 of all bytes before it. */
const SEAL = "sha256";
const SEAL_BYTES = 32;

/** @returns the SHA-256 of the whole file */
function writeSealed(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string>,
): string {
  return scope(() => {
    const all = new Map(tensors).set(SEAL, zeros([SEAL_BYTES], { dtype: "uint8" }));
    const inner = createHash("sha256");
    const outer = createHash("sha256");
    const writer = new AtomicFileWriter(path);
    const write = (bytes: Uint8Array) => {
      outer.update(bytes);
      writer.write(bytes);
    };
    try {
      let last: Uint8Array | undefined;
      for (const bytes of safetensorsBytes(all, metadata)) {
        if (last !== undefined) {
          inner.update(last);
          write(last);
        }
        last = bytes;
      }
      write(inner.digest()); // instead of the zeros
      writer.commit();
    } catch (error) {
      writer.abort();
      throw error;
    }
    return outer.digest("hex");
  });
}

/** The progress of a state and the hash of its file; null if it is missing or damaged. */
function openSealed(path: string): { sha256: string; totalSteps: number; epoch: number } | null {
  try {
    using file = new WeightsFile(path);
    const inner = createHash("sha256");
    for (const bytes of file.pieces(0, file.size - SEAL_BYTES)) inner.update(bytes);
    const seal = file.read(file.size - SEAL_BYTES, SEAL_BYTES);
    if (!inner.copy().digest().equals(seal)) return null;
    const { metadata } = readHeader(file);
    const { totalSteps, epoch } = parsed<StageState>(path, metadata, "state");
    return { sha256: inner.update(seal).digest("hex"), totalSteps, epoch };
  } catch {
    return null;
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
    if (rank() === 0) setGeneratorState(generator); // each process has separate random numbers for dropout
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
