/** Reading the files that a user names: a configuration, a table of labels, a split, a salt. */
import { readFileSync, statSync } from "node:fs";

/** A pipe without a writer, or a device such as /dev/zero, would be read for ever. */
export const NO_FILE = "it is a pipe, a socket or a device, not a file";

/** @throws Error of the file system; Error for what is not a file, which is not opened */
export function readGivenFile(path: string): Buffer {
  // A folder is left to the read, whose error has its own words.
  const stat = statSync(path);
  if (!stat.isFile() && !stat.isDirectory()) throw new Error(`${NO_FILE}: save its content in a file first`);
  return readFileSync(path);
}
