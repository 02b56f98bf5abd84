/** Limits how often an address may send tokens that are not accepted: so many are mistakes of a program, or guesses. */
import { Problem } from "./problem.js";

const MOST = 60;
const WINDOW_MS = 60_000;
/** Addresses that are remembered; beyond that, all are forgotten, so that memory stays bounded. */
const MOST_ADDRESSES = 10_000;

export class FailedLogins {
  readonly #counts = new Map<string, { count: number; until: number }>();

  /** Counts a refusal. @throws Problem if there were too many in a minute; accepted tokens are not affected */
  count(address: string, now = Date.now()): void {
    const known = this.#counts.get(address);
    if (known === undefined || known.until <= now) {
      if (this.#counts.size >= MOST_ADDRESSES) this.#counts.clear();
      this.#counts.set(address, { count: 1, until: now + WINDOW_MS });
      return;
    }
    if (++known.count <= MOST) return;
    const seconds = Math.ceil((known.until - now) / 1000);
    throw new Problem(
      "too-many-requests",
      `More than ${MOST} requests with a token that is not accepted, or without one, in a minute`,
      `Check the token, and wait ${seconds} s.`,
      { "retry-after": String(seconds) },
    );
  }
}
