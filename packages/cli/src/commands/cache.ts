import { InvalidArgumentError, type Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Start } from "../session.js";

interface CacheOptions extends CommonOptions {
  prune?: boolean;
  maxSize?: string;
  olderThan?: number;
  all?: boolean;
}

export function addCache(program: Command, start: Start): void {
  const command = program
    .command("cache")
    .description(
      "list what is cached, computed features and downloaded weights, and remove what is not needed",
    )
    .option("--prune", "remove features beyond the size, the least recently used first")
    .option("--max-size <size>", "with --prune: e.g. 5GB (default: SLICESTACK_CACHE_SIZE, else 20GB)")
    .option(
      "--older-than <days>",
      "with --prune: also remove features that were not used for this many days",
      parseDays,
    )
    .option("--all", "with --prune: remove everything, including downloads");
  addCommon(command, {
    example: "slicestack cache --prune --max-size 5GB",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage],
    notes:
      "Everything in the cache is computed or downloaded again when it is needed. Each training keeps the features within SLICESTACK_CACHE_SIZE.",
  }).action((options: CacheOptions) => start(options, () => runCache(options)));
}

function parseDays(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number of days.");
}

async function runCache({ prune = false, maxSize, olderThan, all = false }: CacheOptions): Promise<Outcome> {
  const { listCache, pruneCache } = await import("@slicestack/pipeline");
  const { bytesText, cacheText, parseBytes } = await import("@slicestack/pipeline/internal");
  if (!prune && (maxSize !== undefined || olderThan !== undefined || all))
    throw new UsageError("--max-size, --older-than and --all choose what is removed: add --prune");
  try {
    const most = maxSize === undefined ? {} : { maxBytes: parseBytes(maxSize, "--max-size") };
    const removed = prune
      ? pruneCache({ all, ...most, ...(olderThan === undefined ? {} : { olderThanDays: olderThan }) })
      : [];
    const found = listCache();
    const freed = removed.reduce((sum, { bytes }) => sum + bytes, 0);
    const count = `${removed.length} ${removed.length === 1 ? "file" : "files"}`;
    const text = prune ? `Removed ${count}, ${bytesText(freed)}.\n${cacheText(found)}` : cacheText(found);
    return { code: EXIT.ok, text, json: { ...found, removed } };
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}
