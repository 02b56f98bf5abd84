/** The cache folder of this user. What is kept there can be made again: where it cannot be written, work goes on without it. */
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isSystemError, naming, systemText } from "../engine/system-errors.js";
import { notice } from "../engine/notices.js";
import { cacheDirectory, ownHome } from "../engine/cache-folder.js";

/** That of this process. */
export const ownCache = (part: string): string => join(cacheDirectory(process.env, ownHome()), part);

/** A part of a cache that can be written; where it cannot be, one in the temporary folder, which is said. */
export function writableCache(cache: string, part: string): string {
  const wanted = join(cache, part);
  const isKept = tryToKeep(() => {
    mkdirSync(wanted, { recursive: true });
    accessSync(wanted, constants.W_OK | constants.X_OK);
  });
  return isKept ? wanted : join(tmpdir(), "slicestack", part);
}

/** Runs what writes into the cache. A full disk or a folder that cannot be written is said once, and passed over. @returns whether it was written */
export function tryToKeep(body: () => void): boolean {
  try {
    body();
    return true;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    sayUnkept(systemText(error));
    return false;
  }
}

/** Says before hours of work that nothing will be kept in the cache, where that can be seen already. */
export function checkCache(): void {
  const wanted = cacheDirectory(process.env, ownHome());
  let folder = wanted;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  try {
    // With a dot, because a file where a folder is needed can be written all the same.
    naming(wanted, () => accessSync(`${folder}/.`, constants.W_OK | constants.X_OK), true);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    sayUnkept(systemText(error));
  }
}

function sayUnkept(reason: string): void {
  notice(
    `The cache cannot be written: ${reason}. Work goes on; what would be kept there is computed again the next time. ` +
      "XDG_CACHE_HOME names another folder for it.",
    "cache",
  );
}
