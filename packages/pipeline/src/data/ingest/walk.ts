/** All files below a folder. A folder that cannot be entered is told by its name, and the rest goes on. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isShortage, systemText } from "../system-errors.js";

export interface Walked {
  /** Relative to the root, with forward slashes, sorted. */
  paths: string[];
  /** Folders that cannot be entered. */
  unreadable: { path: string; reason: string }[];
}

/** Hidden files and folders are passed over. A link is a file here: one that leads nowhere fails where it is read. @throws Error of the file system for the root itself */
export function walk(root: string): Walked {
  const found: Walked = { paths: [], unreadable: [] };
  walkInto(root, "", found);
  found.paths.sort();
  found.unreadable.sort((a, b) => (a.path < b.path ? -1 : 1));
  return found;
}

function walkInto(root: string, below: string, found: Walked): void {
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    if (entry.name.startsWith(".")) continue;
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isFile() || entry.isSymbolicLink()) found.paths.push(path);
    else if (entry.isDirectory()) attempt(root, path, found, () => walkInto(root, path, found));
  }
}

function attempt(root: string, path: string, found: Walked, body: () => void): void {
  try {
    body();
  } catch (error) {
    if (isShortage(error)) throw error;
    found.unreadable.push({ path, reason: systemText(error).replace(`${join(root, path)}: `, "") });
  }
}
