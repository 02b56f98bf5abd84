import { crossThreads } from "../engine/thread-errors.js";

/**
 * The queue cannot be used: damaged, of another program or version, on a network file system, or locked for too long.
 */
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

/**
 * The queue has as many waiting jobs as allowed; none of the given jobs was added. A server answers with status 429.
 */
export class QueueFullError extends QueueError {
  override readonly name = "QueueFullError";
  constructor(
    file: string,
    readonly waiting: number,
    readonly maxWaiting: number,
  ) {
    super(
      file,
      `expected at most ${maxWaiting} waiting jobs, but ${waiting} are waiting`,
      "Try again later.",
    );
  }
}

/** The lease has ended: the job was cancelled, or it was leased again because its holder seemed to be gone. */
export class LeaseLostError extends QueueError {
  override readonly name = "LeaseLostError";
  constructor(
    file: string,
    /** null if the queue does not know the token of the lease. */
    readonly key: string | null,
  ) {
    super(
      file,
      key === null ? "does not know this lease" : `the lease of job ${key} has ended`,
      "The result was not recorded. If another process holds the job, that process reports its own.",
    );
  }
}

crossThreads(import.meta.url, QueueError, QueueFullError, LeaseLostError);
