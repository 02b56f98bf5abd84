/** Creates folders one by one. Node's own recursive creation never ends below a folder that takes none, such as /proc. */
import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { codeOf } from "./error-code.js";

/**
 * Creates a folder and those above it, if they are missing.
 * @throws the file system's error, with its path; EEXIST if something other than a folder has the name
 */
export function makeFolder(path: string, mode?: number): void {
  const missing: string[] = [];
  let folder = resolve(path);
  while (!isFolder(folder)) {
    missing.push(folder);
    folder = dirname(folder);
  }
  for (const one of missing.reverse()) {
    try {
      mkdirSync(one, mode);
    } catch (error) {
      // Another process may have created it meanwhile.
      if (codeOf(error) !== "EEXIST" || !isFolder(one)) throw error;
    }
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
