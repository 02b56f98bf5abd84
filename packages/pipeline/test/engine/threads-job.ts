/** A job of session.test.ts: sets the thread count and says what the count is, now and after a while. */
import { getNumThreads, setNumThreads } from "@slicestack/torch";

export function job({ threads, wait }: { threads: number | null; wait: number }): number[] {
  if (threads !== null) setNumThreads(threads);
  const first = getNumThreads();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wait);
  return [first, getNumThreads()];
}
