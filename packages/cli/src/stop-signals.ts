import type { EventEmitter } from "node:events";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Turns the first SIGINT or SIGTERM into an abort, and the second into an immediate exit. */
export class StopSignals {
  readonly #controller = new AbortController();
  readonly #source: EventEmitter;
  readonly #onSignal: () => void;

  constructor(options: { source: EventEmitter; onFirst: () => void; onSecond: () => void }) {
    this.#source = options.source;
    this.#onSignal = () => {
      if (this.signal.aborted) options.onSecond();
      else {
        options.onFirst();
        this.#controller.abort();
      }
    };
    for (const name of SIGNALS) this.#source.on(name, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  close(): void {
    for (const name of SIGNALS) this.#source.off(name, this.#onSignal);
  }
}
