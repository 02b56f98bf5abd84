/** Work of a lease that is done in this process, which can be asked to stop, but not killed alone. */
import { thisProcess } from "../../data/lock-owner.js";
import type { Exit, Started } from "./gated-child.js";

/** @param signal an abort asks it to save and end   @returns the exit code that a process would have; 1 if it throws */
export type Inside = (signal: AbortSignal) => Promise<number>;

export class InsideWork implements Started {
  readonly owner = thisProcess();
  readonly ended: Promise<Exit>;
  private readonly controller = new AbortController();
  private begin: (runs: boolean) => void = () => undefined;

  constructor(work: Inside) {
    const gate = new Promise<boolean>((resolve) => (this.begin = resolve));
    this.ended = gate
      .then((runs) => (runs ? work(this.controller.signal) : 0))
      .catch(() => 1)
      .then((code) => ({ code, signal: null }));
  }

  open(): void {
    this.begin(true);
  }

  discard(): void {
    this.begin(false);
  }

  signal(name: "SIGTERM" | "SIGKILL"): void {
    if (name === "SIGTERM") this.controller.abort();
  }
}
