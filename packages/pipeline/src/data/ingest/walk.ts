/** Lists all files below a folder. Folders that cannot be entered are reported, and the walk continues. */
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
 * Hidden files and folders are skipped. A link to a folder elsewhere is followed; a link to a folder within this walk is
 * not, because its files are found there. A broken link counts as a file and fails when it is read. Pipes, sockets and
 * devices, and links to them, are never opened.
 * @throws the file system's error for the root itself
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
  /** Real paths of the root and of the folders that links led to. */
  entered: string[];
}

function walkInto(below: string, walked: Walk): void {
  const { root, found } = walked;
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    if (entry.name.startsWith(".")) continue;
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    const kind = entry.isSymbolicLink() ? linkTarget(join(root, path)) : entry;
    if (kind !== null && !kind.isFile() && !kind.isDirectory())
      found.unreadable.push({ path, reason: NO_FILE });
    else if (kind === null || kind.isFile()) found.paths.push(path);
    else if (entry.isSymbolicLink()) follow(path, realpathSync(join(root, path)), walked);
    else attempt(path, walked, () => walkInto(path, walked));
  }
}

/** The target of a link; null if it does not exist or is not accessible. */
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
    walked.found.unreadable.push({ path, reason: "a link to a folder that contains this one" });
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
