/**
 * The ledger of the test part, test-reads.jsonl: a line for each time that a run's own test part was scored, with when and
 * by which command. A score on test is a test only as long as nothing was changed after an earlier look.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { fileHash } from "../data/hash.js";
import { readRecord, RunError, runPaths, writeRecord, type StageName } from "./folder.js";

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

/** @throws RunError for a line that is none, other than one cut off by a kill */
export function readLedger(run: string): Ledger {
  const file = ledgerFile(run);
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  const reads = lines.flatMap((line, k) => {
    if (line === "") return [];
    const read = parseRead(line);
    if (read === undefined && k < lines.length - 1)
      throw new RunError(file, `line ${k + 1} is no entry of the ledger`, "Do not edit it: put the old one back.");
    return read === undefined ? [] : [read];
  });
  return { count: Math.max(readRecord(run).testReads, reads.length), reads };
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
  const { count, reads } = readLedger(run);
  appendFileSync(ledgerFile(run), `${JSON.stringify(read)}\n`);
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
