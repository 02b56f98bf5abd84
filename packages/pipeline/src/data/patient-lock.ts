/** A lock that is held for a moment by many processes in turn. */
import { FolderLock, LockedError } from "./lock.js";

/** Milliseconds between two attempts. */
const PAUSE = 20;

/**
 * As FolderLock.take, but waits for another process to give it back. The thread sleeps meanwhile: for short commands alone.
 * @param patience milliseconds   @throws LockedError where the folder is still held then
 */
export function takePatiently(folder: string, patience = 30_000): FolderLock {
  for (const start = Date.now(); ;) {
    try {
      return FolderLock.take(folder);
    } catch (error) {
      if (!(error instanceof LockedError) || Date.now() - start > patience) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
  }
}
