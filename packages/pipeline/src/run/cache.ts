/** The cache folder of this user. */
import { join } from "node:path";

/** Where downloaded and computed files that can be made again are kept. */
export function cacheDirectory(env: Record<string, string | undefined>, home: string): string {
  return join(env["XDG_CACHE_HOME"] || join(home, ".cache"), "slicestack");
}
