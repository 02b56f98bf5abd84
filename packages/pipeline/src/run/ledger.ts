/**
 * The ledger of the test set, test-reads.jsonl: a line with time and command for every evaluation on the run's test set. A score
 * on the test set is unbiased only as long as nothing was changed after an earlier evaluation.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { appendText, writeFileAtomic } from "../data/atomic.js";
import { fileHash } from "../data/hash.js";
import { notice } from "../engine/notices.js";
import { appendLog, readRecord, RunError, runPaths, writeRecord, type StageName } from "./folder.js";

const readSchema = z.object({
  /** ISO 8601 */
  time: z.string(),
  command: z.string(),
  /** SHA-256 of the weights that were scored, by stage. */
  weights: z.record(z.string(), z.string()),
});
export type TestRead = z.infer<typeof readSchema>;

export interface Ledger {
  /** The number of reads, including those from before the ledger existed. */
  count: number;
  /** In order of time; fewer than `count` if older reads were only counted. */
  reads: TestRead[];
}

const ledgerFile = (run: string) => join(runPaths(run).root, "test-reads.jsonl");

/** @throws RunError for a line that is not an entry, unless it was cut off */
export function readLedger(run: string): Ledger {
  const reads = linesOf(run).whole.map(({ read }) => read);
  return { count: Math.max(readRecord(run).testReads, reads.length), reads };
}

interface Lines {
  whole: { line: string; read: TestRead }[];
  /** Incomplete entries, left by a full disk, a killed process or a power failure. */
  torn: string[];
}

/** How every entry begins: it finds an entry that follows an incomplete one on the same line. */
const START = '{"time":"';

function linesOf(run: string): Lines {
  const file = ledgerFile(run);
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  const sorted: Lines = { whole: [], torn: [] };
  lines.forEach((line, k) => {
    if (line === "") return;
    // Earlier versions appended the next entry to an incomplete one, on the same line.
    const at = parseRead(line) === undefined ? line.lastIndexOf(START) : 0;
    const rest = line.slice(Math.max(0, at));
    const read = parseRead(rest);
    const isExplained = read === undefined ? k === lines.length - 1 : at <= 0 || line.startsWith(START);
    if (!isExplained)
      throw new RunError(
        file,
        `line ${k + 1} is not an entry of the ledger`,
        "Put the old file back; the ledger must not be edited.",
      );
    if (read !== undefined) sorted.whole.push({ line: rest, read });
    if (read === undefined || at > 0) sorted.torn.push(read === undefined ? line : line.slice(0, at));
  });
  return sorted;
}

/** Removes incomplete entries and reports that, so that the next entry begins a new line. */
function repairLedger(run: string): void {
  const file = ledgerFile(run);
  const { whole, torn } = linesOf(run);
  const text = whole.map(({ line }) => `${line}\n`).join("");
  if (!existsSync(file) || readFileSync(file, "utf8") === text) return;
  writeFileAtomic(file, text);
  if (torn.length === 0) return;
  const kept = `${whole.length} ${whole.length === 1 ? "entry is" : "entries are"} kept`;
  const line = `${file}: the end of an entry was lost (a full disk or a power failure); the rest of that entry was removed, ${kept}`;
  appendLog(run, `${line}: ${torn.join(" ")}`);
  notice(`${line}.`);
}

function parseRead(line: string): TestRead | undefined {
  try {
    return readSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** Appends a read to the ledger. @returns the updated ledger */
export function enterTestRead(run: string, read: TestRead): Ledger {
  repairLedger(run);
  const { count, reads } = readLedger(run);
  appendText(ledgerFile(run), `${JSON.stringify(read)}\n`);
  writeRecord(run, { ...readRecord(run), testReads: count + 1 });
  return { count: count + 1, reads: [...reads, read] };
}

/** Records that the run's test set is scored now with its current weights. @returns the updated ledger */
export async function noteTestRead(
  run: string,
  stages: readonly StageName[],
  command: string,
): Promise<Ledger> {
  return enterTestRead(run, {
    time: new Date().toISOString(),
    command,
    weights: await weightsOf(run, stages),
  });
}

/** SHA-256 of the best weights of a run, by stage, as the ledger records them. */
export async function weightsOf(run: string, stages: readonly StageName[]): Promise<TestRead["weights"]> {
  const hashes = stages.map(async (stage) => [stage, await fileHash(runPaths(run).best(stage))] as const);
  return Object.fromEntries(await Promise.all(hashes));
}
