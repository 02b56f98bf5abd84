import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Dataset, Split } from "@slicestack/pipeline";
import { InvalidArgumentError, type Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { parseSeed } from "./numbers.js";

interface SplitOptions extends CommonOptions {
  seed: number;
  fractions: [number, number, number];
  overwrite?: boolean;
}

export function addSplit(program: Command, start: Start): void {
  const command = program
    .command("split")
    .description("divide a prepared data set into train, val and test by subject")
    .argument("<data>", "folder of the prepared data set; split.json is written there")
    .option("--seed <number>", "seed of the split", parseSeed, 0)
    .option("--fractions <train,val,test>", "shares of the subjects", parseFractions, [0.6, 0.2, 0.2])
    .option("--overwrite", "replace a split.json that is there");
  addCommon(command, {
    example: "slicestack split data/mosmed --seed 1 --fractions 0.7,0.15,0.15",
    codes: [EXIT.ok, EXIT.usage, EXIT.data],
  }).action((data: string, options: SplitOptions) => start(options, (session) => runSplit(data, options, session)));
}

async function runSplit(data: string, options: SplitOptions, session: Session): Promise<Outcome> {
  const { openDataset, makeSplit, writeSplit } = await import("@slicestack/pipeline");
  const dataset = openDataset(data);
  const file = join(data, "split.json");
  if (existsSync(file) && !options.overwrite)
    throw new UsageError(`${file} is there already: add --overwrite to replace it (finished runs keep their own copy)`);
  const split = makeSplit(dataset, { seed: options.seed, fractions: options.fractions });
  writeSplit(dataset, split);
  for (const warning of split.warnings) session.log(`warning: ${warning}`);
  const counts = partCounts(dataset, split);
  return { code: EXIT.ok, text: `${countsTable(dataset, counts)}\nSplit: ${file}`, json: { file, counts, split } };
}

/** Volumes of each class in each part. */
function partCounts(dataset: Dataset, split: Split): Record<string, number[]> {
  const label = new Map(dataset.volumes.map((volume) => [volume.id, volume.label]));
  const count = (ids: string[]) =>
    dataset.info.classes.map((_, index) => ids.filter((id) => label.get(id) === index).length);
  return { train: count(split.parts.train), val: count(split.parts.val), test: count(split.parts.test) };
}

function countsTable(dataset: Dataset, counts: Record<string, number[]>): string {
  const rows = [
    ["volumes", ...dataset.info.classes],
    ...Object.entries(counts).map(([part, row]) => [part, ...row.map(String)]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  ")).join("\n");
}

function parseFractions(text: string): [number, number, number] {
  const [train = 0, val = 0, test = 0, ...more] = text.split(",").map(Number);
  const whole = Math.abs(train + val + test - 1) < 1e-6 && more.length === 0;
  if (whole && train > 0 && val > 0 && test > 0) return [train, val, test];
  throw new InvalidArgumentError("Expected three shares above 0 that sum to 1, e.g. 0.6,0.2,0.2.");
}
