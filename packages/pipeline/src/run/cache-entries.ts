/** Lists the cache and limits its size: features can be computed again, and those that were unused for longest are removed first. */
import { existsSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { isSystemError, systemText } from "../engine/system-errors.js";
import { notice } from "../engine/notices.js";
import { cacheDirectory, homeFolder } from "../engine/cache-location.js";

export interface CacheEntry {
  /** Its subfolder of the cache: embeddings (features of slice models), weights (downloads) … */
  part: string;
  path: string;
  bytes: number;
  /** When it was last read or written. */
  used: Date;
}

/** The default size limit of computed features; SLICESTACK_CACHE_SIZE sets another. */
const DEFAULT_BYTES = 20e9;

export interface CacheLocation {
  env?: Record<string, string | undefined>;
  home?: string;
}

const folderOf = ({ env = process.env, home = homeFolder() }: CacheLocation): string =>
  cacheDirectory(env, home);

/** The folder of the cache, its entries, and the size limit of computed features in bytes. @throws RangeError like parseBytes */
export function listCache(location: CacheLocation = {}): {
  folder: string;
  cap: number;
  entries: CacheEntry[];
} {
  const folder = folderOf(location);
  const parts = existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    : [];
  const entries = parts.flatMap(({ name: part }) =>
    readdirSync(join(folder, part), { recursive: true, withFileTypes: true }).flatMap(
      (file): CacheEntry[] => {
        const path = join(file.parentPath, file.name);
        // Another process may have removed the file meanwhile.
        const facts = file.isFile() ? statSync(path, { throwIfNoEntry: false }) : undefined;
        return facts === undefined ? [] : [{ part, path, bytes: facts.size, used: facts.mtime }];
      },
    ),
  );
  return {
    folder,
    cap: cacheCap(location),
    entries: entries.sort((a, b) => a.used.getTime() - b.used.getTime()),
  };
}

export interface PruneOptions extends CacheLocation {
  /** The size limit of computed features. Default: the limit of the cache. */
  maxBytes?: number;
  /** Also removes features that have not been used for this many days. */
  olderThanDays?: number;
  /** Removes everything, including downloads. */
  all?: boolean;
}

/** Removes features until the cache is within its limit, those that were unused for longest first. @returns the removed entries */
export function pruneCache(options: PruneOptions = {}): CacheEntry[] {
  const { all = false, olderThanDays = Infinity } = options;
  const { entries, cap } = listCache(options);
  const { maxBytes = cap } = options;
  // A temporary name means that another process is still writing the file; after a day, it was abandoned.
  const isUnderWay = ({ path, used }: CacheEntry) =>
    path.endsWith(".tmp") && Date.now() - used.getTime() < 86_400_000;
  const features = entries.filter((entry) => entry.part === "embeddings" && !isUnderWay(entry));
  let bytes = features.reduce((sum, entry) => sum + entry.bytes, 0);
  const isOld = ({ used }: CacheEntry) => Date.now() - used.getTime() > olderThanDays * 86_400_000;
  const removed = all
    ? entries.filter((entry) => !isUnderWay(entry))
    : features.filter((entry) => {
        const isRemoved = bytes > maxBytes || isOld(entry);
        if (isRemoved) bytes -= entry.bytes;
        return isRemoved;
      });
  for (const { path } of removed) rmSync(path, { force: true });
  return removed;
}

/** Marks an entry as just used, so that it is removed last. */
export function touchEntry(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // It belongs to another user or was removed; its age is not worth an error.
  }
}

/** Limits the cache after a new entry, which is never removed itself. A process that has mapped a removed file can still read it. */
export function keepCacheSize(newest: string, location: CacheLocation = {}): void {
  touchEntry(newest);
  const newestBytes = statSync(newest, { throwIfNoEntry: false })?.size ?? 0;
  try {
    pruneCache({ ...location, maxBytes: Math.max(newestBytes, cacheCap(location)) });
  } catch (error) {
    if (!isSystemError(error) && !(error instanceof RangeError)) throw error;
    notice(`The cache could not be limited to its size: ${systemText(error)}.`, "cache size");
  }
}

/** The size limit of computed features in bytes. @throws RangeError like parseBytes */
export function cacheCap({ env = process.env }: CacheLocation = {}): number {
  const text = env["SLICESTACK_CACHE_SIZE"];
  return text === undefined || text === "" ? DEFAULT_BYTES : parseBytes(text, "SLICESTACK_CACHE_SIZE");
}

const UNITS: Record<string, number> = {
  "": 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Parses a size such as "20GB", "500 MB", "2GiB" or "0". @throws RangeError with the expected form */
export function parseBytes(text: string, name = "size"): number {
  const [, number = "", unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]i?b)?\s*$/i.exec(text) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  if (number !== "" && factor !== undefined) return Math.round(Number(number) * factor);
  throw new RangeError(`${name}: expected a size such as 20GB, 500MB or 0, received '${text}'`);
}

/** "1.2 GB" */
export function bytesText(bytes: number): string {
  const [unit, factor] = (
    [
      ["TB", 1e12],
      ["GB", 1e9],
      ["MB", 1e6],
      ["kB", 1e3],
    ] as const
  ).find(([, size]) => bytes >= size) ?? ["B", 1];
  const value = bytes / factor;
  return `${value >= 100 || factor === 1 ? Math.round(value) : value.toFixed(1)} ${unit}`;
}

const PARTS: Record<string, string> = {
  embeddings: "features of slice models",
  weights: "downloaded weights",
};

/** Formats the cache for the terminal: a line for each subfolder, followed by its entries, the last used one first. */
export function cacheText({ folder, cap, entries }: ReturnType<typeof listCache>): string {
  const total = (some: readonly CacheEntry[]) => bytesText(some.reduce((sum, { bytes }) => sum + bytes, 0));
  const parts = [...new Set(entries.map(({ part }) => part))].sort();
  const lines = parts.flatMap((part) => {
    const inPart = entries.filter((entry) => entry.part === part).reverse();
    const limit = part === "embeddings" ? `, at most ${bytesText(cap)}` : "";
    const word = inPart.length === 1 ? "file" : "files";
    return [
      `${part}  ${inPart.length} ${word}, ${total(inPart)}${limit}${PARTS[part] === undefined ? "" : `: ${PARTS[part]}`}`,
      ...inPart.map(({ path, bytes, used }) => {
        const name = path.slice(join(folder, part).length + 1);
        const shown = name.length > 28 ? `${name.slice(0, 16)}….${name.split(".").at(-1)}` : name;
        return `  ${shown.padEnd(30)} ${bytesText(bytes).padStart(9)}  used ${used.toISOString().slice(0, 16).replace("T", " ")}`;
      }),
    ];
  });
  return [`Cache: ${folder}${entries.length === 0 ? ", empty" : `, ${total(entries)}`}`, ...lines].join("\n");
}
