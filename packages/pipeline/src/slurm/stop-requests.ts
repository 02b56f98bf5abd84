/**
 * Notes that Slurm asks a job to stop. It imports nothing else of the batch step, so that it listens before that is
 * loaded: Node's own answer to SIGUSR1 is a debugger, and to SIGTERM the end.
 */
import { existsSync } from "node:fs";

/** The variable with the path of a file that the shell of the batch step makes at the first request. */
export const STOP_FILE = "SLICESTACK_STOP_FILE";

/** The first is sent some time before the time limit; the second on preemption and at the limit itself. */
const STOP_SIGNALS = ["SIGUSR1", "SIGTERM"] as const;
const LOOK_MS = 500;

export class StopRequests {
  private listener: () => void = () => undefined;
  private isMade = false;

  constructor(file = process.env[STOP_FILE]) {
    for (const name of STOP_SIGNALS) process.on(name, () => this.note());
    if (file !== undefined)
      setInterval(() => {
        if (!this.isMade && existsSync(file)) this.note();
      }, LOOK_MS);
  }

  private note(): void {
    this.isMade = true;
    this.listener();
  }

  /** Whether Slurm has asked the job to stop. */
  get wereMade(): boolean {
    return this.isMade;
  }

  /** Calls `listener`, in place of an earlier one, at each further request. */
  listen(listener: () => void): void {
    this.listener = listener;
  }
}
