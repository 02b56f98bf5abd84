/** All files below a folder. A folder that cannot be entered is told by its name, and the rest goes on. */
import { readdirSync, realpathSync, statSync, type Stats } from "node:fs";
import { join, sep } from "node:path";
import { NO_FILE } from "../../config/given-file.js";
import { isShortage, systemText } from "../../engine/system-errors.js";

export interface Walked {
  /** Relative to the root, with forward slashes, sorted. */
  paths: string[];
  /** Folders that cannot be entered. */
  unreadable: { path: string; reason: string }[];
}

/**
 * Hidden files and folders are passed over. A link to a folder elsewhere is followed, one to a folder of this walk is not:
 * its files are found where they lie. A link that leads nowhere is a file here: it fails where it is read. Pipes, sockets and
 * devices, and links to them, are never opened.
 * @throws Error of the file system for the root itself
 */
export function walk(root: string): Walked {
  const found: Walked = { paths: [], unreadable: [] };
  walkInto("", { root, found, entered: [realpathSync(root)] });
  found.paths.sort();
  found.unreadable.sort((a, b) => (a.path < b.path ? -1 : 1));
  return found;
}

interface Walk {
  root: string;
  found: Walked;
  /** The root, and folders that links led to, as they are without links. */
  entered: string[];
}

function walkInto(below: string, walked: Walk): void {
  const { root, found } = walked;
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    if (entry.name.startsWith(".")) continue;
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    const kind = entry.isSymbolicLink() ? linkTarget(join(root, path)) : entry;
    if (kind !== null && !kind.isFile() && !kind.isDirectory()) found.unreadable.push({ path, reason: NO_FILE });
    else if (kind === null || kind.isFile()) found.paths.push(path);
    else if (entry.isSymbolicLink()) follow(path, realpathSync(join(root, path)), walked);
    else attempt(path, walked, () => walkInto(path, walked));
  }
}

/** What a link leads to; null where that is nothing, or cannot be seen. */
function linkTarget(link: string): Stats | null {
  try {
    return statSync(link);
  } catch {
    return null;
  }
}

const isWithin = (folder: string, path: string): boolean => path === folder || path.startsWith(folder + sep);

function follow(path: string, linked: string, walked: Walk): void {
  if (walked.entered.some((folder) => isWithin(folder, linked))) return;
  if (walked.entered.some((folder) => isWithin(linked, folder))) {
    walked.found.unreadable.push({ path, reason: "a link to a folder that holds this one" });
    return;
  }
  walked.entered.push(linked);
  attempt(path, walked, () => walkInto(path, walked));
}

function attempt(path: string, { root, found }: Walk, body: () => void): void {
  try {
    body();
  } catch (error) {
    if (isShortage(error)) throw error;
    found.unreadable.push({ path, reason: systemText(error).replace(`${join(root, path)}: `, "") });
  }
}
