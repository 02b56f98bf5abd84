/** The location of this user's cache. */
import { join } from "node:path";
import { homedir, tmpdir } from "node:os";

/** The folder for downloads and for computed files that can be computed again. */
export function cacheDirectory(env: Record<string, string | undefined>, home: string): string {
  return join(env["XDG_CACHE_HOME"] || join(home, ".cache"), "slicestack");
}

/** This user's home folder, or the temporary folder if the system knows none (a container with a foreign user id). */
export function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return tmpdir();
  }
}
