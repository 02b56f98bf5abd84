/** The cache folder of this user. Its content can be computed again, so that work continues even if it cannot be written. */
import { accessSync, constants, existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isSystemError, naming, systemText } from "../engine/system-errors.js";
import { notice } from "../engine/notices.js";
import { cacheDirectory, homeFolder } from "../engine/cache-location.js";
import { makeFolder } from "../data/make-folder.js";
import { isOfUserAlone, userFolder } from "../data/user-folder.js";

/** A subfolder of this user's cache. */
export const cacheSubfolder = (part: string): string => join(cacheDirectory(process.env, homeFolder()), part);

/** A subfolder of the cache; if it cannot be written, one in the temporary folder, with a notice. */
export function writableCache(cache: string, part: string): string {
  const wanted = join(cache, part);
  const isKept = tryToKeep(() => {
    makeFolder(wanted);
    accessSync(wanted, constants.W_OK | constants.X_OK);
  });
  if (isKept) return wanted;
  // Of this user alone: what somebody else wrote there would be taken for features of this model.
  const userCache = userFolder("slicestack");
  const isOwn = tryToKeep(() => makeFolder(userCache, 0o700)) && isOfUserAlone(userCache);
  return join(isOwn ? userCache : mkdtempSync(join(tmpdir(), "slicestack-")), part);
}

/** Runs code that writes into the cache. A full disk or an unwritable folder only gives a notice. @returns whether it was written */
export function tryToKeep(body: () => void): boolean {
  try {
    body();
    return true;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    noticeUnwritable(systemText(error));
    return false;
  }
}

/** Gives a notice before hours of work if the cache cannot be written. */
export function checkCache(): void {
  const wanted = cacheDirectory(process.env, homeFolder());
  let folder = wanted;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  try {
    // With the dot, the check also fails for a file with the name of the folder.
    naming(wanted, () => accessSync(`${folder}/.`, constants.W_OK | constants.X_OK), true);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    noticeUnwritable(systemText(error));
  }
}

function noticeUnwritable(reason: string): void {
  notice(
    `The cache cannot be written: ${reason}. Work continues; what would be kept there is computed again the next time. ` +
      "Set XDG_CACHE_HOME to another folder.",
    "cache",
  );
}
