import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Dataset, Split } from "@slicestack/pipeline";
import { InvalidArgumentError, type Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { parseCount, parseSeed } from "./numbers.js";

interface SplitFlags extends CommonOptions {
  seed: number;
  fractions?: [number, number, number];
  folds?: number;
  repeats?: number;
  test?: number;
  group?: string;
  official?: boolean;
  from?: string;
  saltFile?: string;
  overwrite?: boolean;
}

export function addSplit(program: Command, start: Start): void {
  const command = program
    .command("split")
    .description("divide a prepared data set into train, val and test by subject, or into folds")
    .argument("<data>", "folder of the prepared data set; split.json is written there")
    .option("--seed <number>", "seed of the split", parseSeed, 0)
    .option("--fractions <train,val,test>", "shares of the subjects (default: 0.6,0.2,0.2)", parseFractions)
    .option(
      "--folds <number>",
      "number of folds of a cross-validation: each fold is test once, the next one val",
      parseCount,
    )
    .option("--repeats <number>", "how many times the folds are drawn (default: 1)", parseCount)
    .option(
      "--test <share>",
      "with --folds: share of a test part common to all folds, which are then val in turn",
      parseShare,
    )
    .option("--group <column>", "column of subjects.csv whose groups stay together, e.g. site")
    .option("--official", "use the split that came with the data; with --folds, its test part for all folds")
    .option(
      "--from <file>",
      "your own split: CSV with a column part, and id, subject, PatientID, path or SeriesInstanceUID",
    )
    .option(
      "--salt-file <file>",
      "with --from: the secret with which prepare hashed PatientIDs (default: that of this user)",
    )
    .option("--overwrite", "replace an existing split.json");
  addCommon(command, {
    example: "slicestack split data/mosmed --seed 1 --fractions 0.7,0.15,0.15",
    codes: [EXIT.ok, EXIT.usage, EXIT.data],
  }).action((data: string, options: SplitFlags) =>
    start(options, (session) => runSplit(data, options, session)),
  );
}

async function runSplit(data: string, flags: SplitFlags, session: Session): Promise<Outcome> {
  const { openDataset, writeSplit } = await import("@slicestack/pipeline");
  const { foldName } = await import("@slicestack/pipeline/internal");
  refuseContradictions(flags);
  const dataset = openDataset(data);
  const file = join(data, "split.json");
  if (existsSync(file) && !flags.overwrite)
    throw new UsageError(
      `${file} already exists: add --overwrite to replace it (finished runs keep their own copy)`,
    );
  const splits = await drawn(dataset, flags);
  writeSplit(dataset, splits.length === 1 && splits[0]!.fold === null ? splits[0]! : splits);
  for (const warning of new Set(splits.flatMap(({ warnings }) => warnings)))
    session.log(`warning: ${warning}`);
  const counts = splits.map((split) => ({ name: foldName(split), ...partCounts(dataset, split) }));
  const tables = counts.map(
    ({ name, ...parts }) => `${name === "" ? "" : `${name}\n`}${countsTable(dataset, parts)}`,
  );
  const json = { file, counts: splits.length === 1 ? partCounts(dataset, splits[0]!) : counts, splits };
  return { code: EXIT.ok, text: `${tables.join("\n\n")}\nSplit: ${file}`, json };
}

function refuseContradictions({ fractions, folds, repeats, test, official, from }: SplitFlags): void {
  const given = { "--fractions": fractions, "--folds": folds, "--official": official, "--from": from };
  const names = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (names.length > 1 && names.join() !== "--folds,--official")
    throw new UsageError(`${names.join(" and ")} select different splits: give one of them`);
  if (folds === undefined && (repeats !== undefined || test !== undefined))
    throw new UsageError("--repeats and --test go with --folds");
  if (official && test !== undefined)
    throw new UsageError("--official and --test select different test parts: give one of them");
}

async function drawn(dataset: Dataset, flags: SplitFlags): Promise<Split[]> {
  const { makeFolds, makeSplit, officialSplit, splitFromTable } = await import("@slicestack/pipeline");
  const { seed, fractions, folds, repeats, test, group, official, from, saltFile } = flags;
  const grouped = group === undefined ? {} : { group };
  if (folds !== undefined) {
    const held = official ? officialSplit(dataset, seed).parts.test : test;
    const rest = {
      ...(repeats === undefined ? {} : { repeats }),
      ...(held === undefined ? {} : { test: held }),
    };
    return makeFolds(dataset, { seed, folds, ...rest, ...grouped });
  }
  if (official) return [officialSplit(dataset, seed)];
  if (from !== undefined)
    return [splitFromTable(dataset, from, seed, saltFile === undefined ? {} : { saltFile })];
  return [makeSplit(dataset, { seed, ...(fractions === undefined ? {} : { fractions }), ...grouped })];
}

/** Volumes of each class in each part. */
function partCounts(dataset: Dataset, split: Split): Record<"train" | "val" | "test", number[]> {
  const label = new Map(dataset.volumes.map((volume) => [volume.id, volume.label]));
  const count = (ids: string[]) =>
    dataset.info.classes.map((_, index) => ids.filter((id) => label.get(id) === index).length);
  return { train: count(split.parts.train), val: count(split.parts.val), test: count(split.parts.test) };
}

function countsTable({ info }: Dataset, counts: Record<string, number[]>): string {
  const labels = info.labels ?? [...info.classes.keys()];
  const rows = [
    ["volumes", ...labels.map((label) => info.classes[label]!)],
    ...Object.entries(counts).map(([part, row]) => [part, ...labels.map((label) => String(row[label]))]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  "))
    .join("\n");
}

function parseFractions(text: string): [number, number, number] {
  const [train = 0, val = 0, test = 0, ...more] = text.split(",").map(Number);
  const whole = Math.abs(train + val + test - 1) < 1e-6 && more.length === 0;
  if (whole && train > 0 && val > 0 && test > 0) return [train, val, test];
  throw new InvalidArgumentError("Expected three shares above 0 that sum to 1, e.g. 0.6,0.2,0.2.");
}

function parseShare(text: string): number {
  const share = Number(text);
  if (share > 0 && share < 1) return share;
  throw new InvalidArgumentError("Expected a share between 0 and 1, e.g. 0.2.");
}
