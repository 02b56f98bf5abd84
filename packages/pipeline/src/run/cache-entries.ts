/** What the cache folder holds, and how it is kept within its size: features, which can be computed again, go first by age of use. */
import { existsSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { isSystemError, systemText } from "../engine/system-errors.js";
import { notice } from "../engine/notices.js";
import { cacheDirectory, ownHome } from "../engine/cache-folder.js";

export interface CacheEntry {
  /** The folder of the cache that it lies in: embeddings (features of slice models), weights (downloads) … */
  part: string;
  path: string;
  bytes: number;
  /** When it was last read or written. */
  used: Date;
}

/** Of computed features; SLICESTACK_CACHE_SIZE sets another one. */
const DEFAULT_BYTES = 20e9;

export interface CachePlace {
  env?: Record<string, string | undefined>;
  home?: string;
}

const folderOf = ({ env = process.env, home = ownHome() }: CachePlace): string => cacheDirectory(env, home);

/** The folder, what is in it, and the most that computed features may take. @throws RangeError as parseBytes */
export function listCache(place: CachePlace = {}): { folder: string; cap: number; entries: CacheEntry[] } {
  const folder = folderOf(place);
  const parts = existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true }).filter((one) => one.isDirectory())
    : [];
  const entries = parts.flatMap(({ name: part }) =>
    readdirSync(join(folder, part), { recursive: true, withFileTypes: true }).flatMap((file): CacheEntry[] => {
      const path = join(file.parentPath, file.name);
      // One that another process removes meanwhile is not there.
      const facts = file.isFile() ? statSync(path, { throwIfNoEntry: false }) : undefined;
      return facts === undefined ? [] : [{ part, path, bytes: facts.size, used: facts.mtime }];
    }),
  );
  return { folder, cap: cacheCap(place), entries: entries.sort((a, b) => a.used.getTime() - b.used.getTime()) };
}

export interface PruneOptions extends CachePlace {
  /** What computed features may take; default the cap. */
  maxBytes?: number;
  /** Features that were not used for so many days go too. */
  olderThanDays?: number;
  /** Everything goes, downloads too. */
  all?: boolean;
}

/** Removes features beyond the size, those first that were not used for longest. @returns what was removed */
export function pruneCache(options: PruneOptions = {}): CacheEntry[] {
  const { all = false, olderThanDays = Infinity } = options;
  const { entries, cap } = listCache(options);
  const { maxBytes = cap } = options;
  // What another process is writing has not got its name yet; after a day nobody writes it any more.
  const isUnderWay = ({ path, used }: CacheEntry) => path.endsWith(".tmp") && Date.now() - used.getTime() < 86_400_000;
  const features = entries.filter((entry) => entry.part === "embeddings" && !isUnderWay(entry));
  let bytes = features.reduce((sum, entry) => sum + entry.bytes, 0);
  const isOld = ({ used }: CacheEntry) => Date.now() - used.getTime() > olderThanDays * 86_400_000;
  const removed = all
    ? entries.filter((entry) => !isUnderWay(entry))
    : features.filter((entry) => {
        const goes = bytes > maxBytes || isOld(entry);
        if (goes) bytes -= entry.bytes;
        return goes;
      });
  for (const { path } of removed) rmSync(path, { force: true });
  return removed;
}

/** An entry that was read: it is the last one to go. */
export function touchEntry(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // Of somebody else, or gone: its age is worth no error.
  }
}

/** After a new entry: the oldest others go, never the new one. Those that a process has mapped stay readable for it. */
export function keepCacheSize(newest: string, place: CachePlace = {}): void {
  touchEntry(newest);
  const own = statSync(newest, { throwIfNoEntry: false })?.size ?? 0;
  try {
    pruneCache({ ...place, maxBytes: Math.max(own, cacheCap(place)) });
  } catch (error) {
    if (!isSystemError(error) && !(error instanceof RangeError)) throw error;
    notice(`The cache is not kept within its size: ${systemText(error)}.`, "cache size");
  }
}

/** @throws RangeError as parseBytes */
export function cacheCap({ env = process.env }: CachePlace = {}): number {
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

/** "20GB", "500 MB", "2GiB", "0". @throws RangeError that says what was expected */
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

const PARTS: Record<string, string> = { embeddings: "features of slice models", weights: "downloaded weights" };

/** The cache for people, a line for each part, then its entries from the one that was used last. */
export function cacheText({ folder, cap, entries }: ReturnType<typeof listCache>): string {
  const total = (some: readonly CacheEntry[]) => bytesText(some.reduce((sum, { bytes }) => sum + bytes, 0));
  const parts = [...new Set(entries.map(({ part }) => part))].sort();
  const lines = parts.flatMap((part) => {
    const own = entries.filter((entry) => entry.part === part).reverse();
    const limit = part === "embeddings" ? `, at most ${bytesText(cap)}` : "";
    const word = own.length === 1 ? "file" : "files";
    return [
      `${part}  ${own.length} ${word}, ${total(own)}${limit}${PARTS[part] === undefined ? "" : `: ${PARTS[part]}`}`,
      ...own.map(({ path, bytes, used }) => {
        const name = path.slice(join(folder, part).length + 1);
        const shown = name.length > 28 ? `${name.slice(0, 16)}….${name.split(".").at(-1)}` : name;
        return `  ${shown.padEnd(30)} ${bytesText(bytes).padStart(9)}  used ${used.toISOString().slice(0, 16).replace("T", " ")}`;
      }),
    ];
  });
  return [`Cache: ${folder}${entries.length === 0 ? ", empty" : `, ${total(entries)}`}`, ...lines].join("\n");
}
