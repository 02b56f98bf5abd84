/** Folders in the temporary folder, which is everybody's: whoever made one could choose what is read from it. */
import { lstatSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where the temporary folder has this user's files of a kind. */
export const userFolder = (name: string): string => join(tmpdir(), `${name}-${process.getuid?.() ?? "user"}`);

/** Whether nobody else can write into a folder that exists. */
export function isOfUserAlone(folder: string): boolean {
  const { uid, mode } = lstatSync(folder);
  return process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);
}
