import { crossThreads } from "../engine/thread-errors.js";

/** A queue that cannot be used: damaged, of another program or version, on a network file system, or busy for too long. */
export class QueueError extends Error {
  override readonly name: string = "QueueError";
  constructor(
    readonly file: string,
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}. ${remedy}`, options);
  }
}

/** The queue holds as many waiting jobs as it may; nothing of the call was added. A server answers 429. */
export class QueueFullError extends QueueError {
  override readonly name = "QueueFullError";
  constructor(
    file: string,
    readonly waiting: number,
    readonly maxWaiting: number,
  ) {
    super(file, `expected at most ${maxWaiting} waiting jobs, ${waiting} are waiting`, "Try again later.");
  }
}

/** The lease has ended: the job was cancelled, or it was given to somebody else because its holder seemed to be gone. */
export class LeaseLostError extends QueueError {
  override readonly name = "LeaseLostError";
  constructor(
    file: string,
    readonly key: string,
  ) {
    super(
      file,
      `the lease of job ${key} has ended`,
      "Its result was not recorded: whoever holds the job now reports it.",
    );
  }
}

crossThreads(import.meta.url, QueueError, QueueFullError, LeaseLostError);
