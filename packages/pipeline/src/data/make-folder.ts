/** Creates folders one by one. Node's own recursive creation never ends below a folder that takes none, such as /proc. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { codeOf } from "./error-code.js";

/** Creates a folder and those above it, if they are missing. @throws the file system's error, with its path */
export function makeFolder(path: string, mode?: number): void {
  const missing: string[] = [];
  let folder = resolve(path);
  for (; !existsSync(folder) && dirname(folder) !== folder; folder = dirname(folder)) missing.push(folder);
  for (const one of missing.reverse()) {
    try {
      mkdirSync(one, mode);
    } catch (error) {
      // Another process may have created it meanwhile.
      if (codeOf(error) !== "EEXIST" || !statSync(one).isDirectory()) throw error;
    }
  }
}
