/**
 * Notes the signals with which Slurm asks a job to stop. It imports nothing, so that it listens before anything else of
 * the batch step is loaded: Node's own answer to SIGUSR1 is a debugger, and to SIGTERM the end.
 */

/** The first is sent some time before the time limit; the second on preemption and at the limit itself. */
const STOP_SIGNALS = ["SIGUSR1", "SIGTERM"] as const;

export class StopRequests {
  private listener: () => void = () => undefined;
  private isMade = false;

  constructor() {
    for (const name of STOP_SIGNALS)
      process.on(name, () => {
        this.isMade = true;
        this.listener();
      });
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
