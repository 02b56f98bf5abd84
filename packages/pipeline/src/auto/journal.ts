/**
 * auto.json: the steps that are finished, with what each of them was given, what it found out and how long it took. A later
 * call continues after the last of them, and refuses inputs that have changed since.
 */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { writeFileAtomic } from "../data/atomic.js";
import { openSealed, sealedJson } from "../data/sealed-json.js";
import { pathWord } from "../command-line.js";
import { AutoError } from "./errors.js";
import type { AutoPaths } from "./folder.js";

/** In their order. */
export const STEPS = [
  "inspect",
  "prepare",
  "audit",
  "split",
  "plan",
  "train 2.5d",
  "train 2d",
  "train 3d",
  "choose",
  "test",
  "report",
  "bundle",
] as const;
export type StepName = (typeof STEPS)[number];

const entrySchema = z.strictObject({
  step: z.enum(STEPS),
  /** By name: the SHA-256 of a file or of results, or the value of an option. */
  inputs: z.record(z.string(), z.string()),
  /** Of the call that finished the step. */
  seconds: z.number(),
  finished: z.string(),
  result: z.unknown(),
});
export type Entry = z.output<typeof entrySchema>;

const journalSchema = z.strictObject({
  version: z.literal(1),
  created: z.string(),
  command: z.string(),
  steps: z.array(entrySchema),
});
type Content = z.output<typeof journalSchema>;

/** A step of the way: what it depends on, the form of its result, and its work. */
export interface Step<R> {
  name: StepName;
  inputs: Record<string, string>;
  /** What its inputs are called in a message, if not by their name. */
  called?: Record<string, string>;
  result: z.ZodType<R>;
  /** A file that is written again if it was removed since. */
  writes?: string;
  /** When its work began (performance.now()), if that was before `run`. */
  since?: number;
  run: () => Promise<R> | R;
}

export class Journal {
  private constructor(
    private readonly paths: AutoPaths,
    private content: Content,
  ) {}

  /** The journal of the folder, which may be new. @throws AutoError where it is damaged */
  static open(paths: AutoPaths, command: string): Journal {
    const kept = Journal.read(paths);
    if (kept !== null) return kept;
    const created = new Date().toISOString();
    return new Journal(paths, { version: 1, created, command, steps: [] });
  }

  /** @returns null if there is none   @throws AutoError if it is damaged */
  static read(paths: AutoPaths): Journal | null {
    const { journal } = paths;
    if (!existsSync(journal)) return null;
    try {
      return new Journal(paths, journalSchema.parse(openSealed(readFileSync(journal, "utf8")).value));
    } catch (error) {
      const reason = error instanceof z.ZodError ? (error.issues[0]?.message ?? "") : String(error);
      throw new AutoError(journal, `is not a journal of this version (${reason})`, this.startAgain(paths));
    }
  }

  private static startAgain({ root }: AutoPaths): string {
    return `Put the old one back, choose another folder with --out, or start again in ${pathWord(root)} with --overwrite.`;
  }

  get command(): string {
    return this.content.command;
  }

  get entries(): readonly Entry[] {
    return this.content.steps;
  }

  find(step: StepName): Entry | undefined {
    return this.content.steps.find((entry) => entry.step === step);
  }

  /** Seconds of all finished steps. */
  get seconds(): number {
    return this.content.steps.reduce((sum, { seconds }) => sum + seconds, 0);
  }

  /** The result of a step: that of an earlier call with the same inputs, or of its work now. @throws AutoError for changed inputs */
  async step<R>({ name, inputs, called = {}, result, writes, since, run }: Step<R>): Promise<R> {
    const before = this.find(name);
    if (before !== undefined) {
      this.refuseChanged(before, inputs, called);
      if (writes === undefined || existsSync(writes)) return result.parse(before.result);
    }
    const start = since ?? performance.now();
    const value = await run();
    const seconds = (performance.now() - start) / 1000;
    const entry: Entry = { step: name, inputs, seconds, finished: new Date().toISOString(), result: value };
    const others = this.content.steps.filter(({ step }) => step !== name);
    this.content = { ...this.content, steps: [...others, entry] };
    writeFileAtomic(this.paths.journal, sealedJson(this.content));
    return value;
  }

  /** @throws AutoError with the name of the first input that differs */
  refuseChanged(
    { step, inputs }: Entry,
    given: Record<string, string>,
    called: Record<string, string>,
  ): void {
    const changed = Object.keys({ ...inputs, ...given }).find((name) => inputs[name] !== given[name]);
    if (changed === undefined) return;
    const problem = changed.startsWith("--")
      ? `was begun with ${shownOption(changed, inputs[changed])}, received ${shownOption(changed, given[changed])}`
      : `${called[changed] ?? changed} changed after the step "${step}" was finished`;
    throw new AutoError(this.paths.root, problem, Journal.startAgain(this.paths));
  }
}

const shownOption = (name: string, value: string | undefined): string =>
  value === undefined || value === "" ? `no ${name}` : `${name} ${value}`;
