/** Where this user's cache lies. */
import { join } from "node:path";
import { homedir, tmpdir } from "node:os";

/** Where downloaded and computed files that can be made again are kept. */
export function cacheDirectory(env: Record<string, string | undefined>, home: string): string {
  return join(env["XDG_CACHE_HOME"] || join(home, ".cache"), "slicestack");
}

/** This user's home; where the system knows none (a container with a foreign user id), the temporary folder. */
export function ownHome(): string {
  try {
    return homedir();
  } catch {
    return tmpdir();
  }
}
