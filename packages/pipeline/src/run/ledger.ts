/**
 * The ledger of the test part, test-reads.jsonl: a line for each time that a run's own test part was scored, with when and
 * by which command. A score on test is a test only as long as nothing was changed after an earlier look.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { appendWhole, writeFileAtomic } from "../data/atomic.js";
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
  /** Reads so far; those of runs from before there was a ledger count too. */
  count: number;
  /** In the order of time; fewer than `count` where older reads were counted only. */
  reads: TestRead[];
}

const ledgerFile = (run: string) => join(runPaths(run).root, "test-reads.jsonl");

/** @throws RunError for a line that is no entry, other than one that was cut off */
export function readLedger(run: string): Ledger {
  const reads = linesOf(run).whole.map(({ read }) => read);
  return { count: Math.max(readRecord(run).testReads, reads.length), reads };
}

interface Lines {
  whole: { line: string; read: TestRead }[];
  /** What a full disk, a kill or a power cut left of an entry. */
  torn: string[];
}

/** How each entry begins, so that one behind what is left of another is found. */
const START = '{"time":"';

function linesOf(run: string): Lines {
  const file = ledgerFile(run);
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  const found: Lines = { whole: [], torn: [] };
  lines.forEach((line, k) => {
    if (line === "") return;
    // Earlier versions wrote the next entry behind a torn one, on the same line.
    const at = parseRead(line) === undefined ? line.lastIndexOf(START) : 0;
    const rest = line.slice(Math.max(0, at));
    const read = parseRead(rest);
    const isExplained = read === undefined ? k === lines.length - 1 : at <= 0 || line.startsWith(START);
    if (!isExplained)
      throw new RunError(file, `line ${k + 1} is no entry of the ledger`, "Do not edit it: put the old one back.");
    if (read !== undefined) found.whole.push({ line: rest, read });
    if (read === undefined || at > 0) found.torn.push(read === undefined ? line : line.slice(0, at));
  });
  return found;
}

/** Takes out what is left of entries that were cut off, and says so. The next entry then begins a line. */
function mendLedger(run: string): void {
  const file = ledgerFile(run);
  const { whole, torn } = linesOf(run);
  const text = whole.map(({ line }) => `${line}\n`).join("");
  if (!existsSync(file) || readFileSync(file, "utf8") === text) return;
  writeFileAtomic(file, text);
  if (torn.length === 0) return;
  const kept = `${whole.length} ${whole.length === 1 ? "entry is" : "entries are"} kept`;
  const line = `${file}: the end of an entry was lost, to a full disk or a power cut; what was left of it was taken out, ${kept}`;
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

/** Writes a read down. @returns the ledger with it */
export function enterTestRead(run: string, read: TestRead): Ledger {
  mendLedger(run);
  const { count, reads } = readLedger(run);
  appendWhole(ledgerFile(run), `${JSON.stringify(read)}\n`);
  writeRecord(run, { ...readRecord(run), testReads: count + 1 });
  return { count: count + 1, reads: [...reads, read] };
}

/** Enters that the run's test part is scored now, with the weights that it has. @returns the ledger with it */
export async function noteTestRead(run: string, stages: readonly StageName[], command: string): Promise<Ledger> {
  const hashes = await Promise.all(
    stages.map(async (stage) => [stage, await fileHash(runPaths(run).best(stage))] as const),
  );
  return enterTestRead(run, { time: new Date().toISOString(), command, weights: Object.fromEntries(hashes) });
}
