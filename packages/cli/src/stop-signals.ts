import type { EventEmitter } from "node:events";

/** A second one of these quits at once. */
const OF_A_PERSON = ["SIGINT", "SIGTERM"];
/** Slurm warns with SIGUSR1 and sends SIGTERM to every process of a job it ends: what is being saved must be saved. */
const OF_SLURM = ["SIGUSR1", "SIGTERM"];

export interface StopOptions {
  source: EventEmitter;
  onFirst: () => void;
  onSecond: () => void;
  env?: Record<string, string | undefined>;
}

/** Turns the first SIGINT, SIGTERM or SIGUSR1 into an abort, and the second of a person into an immediate exit. */
export class StopSignals {
  readonly #controller = new AbortController();
  readonly #source: EventEmitter;
  readonly #listeners: [name: string, listener: () => void][];

  constructor({ source, onFirst, onSecond, env = process.env }: StopOptions) {
    const stop = () => {
      if (this.signal.aborted) return;
      onFirst();
      this.#controller.abort();
    };
    let asked = 0;
    const insist = () => (++asked > 1 ? onSecond() : stop());
    const patient = env["SLURM_JOB_ID"] === undefined ? ["SIGUSR1"] : OF_SLURM;
    const impatient = OF_A_PERSON.filter((name) => !patient.includes(name));
    this.#source = source;
    this.#listeners = [
      ...patient.map((name): [string, () => void] => [name, stop]),
      ...impatient.map((name): [string, () => void] => [name, insist]),
    ];
    for (const [name, listener] of this.#listeners) source.on(name, listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  close(): void {
    for (const [name, listener] of this.#listeners) this.#source.off(name, listener);
  }
}
