/** Lists the runs below a folder with their scores. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { Estimate } from "@slicestack/stats";
import { pathWord } from "../command-line.js";
import { defaultName } from "../config/components.js";
import { isHeld } from "../data/lock.js";
import { checkFile } from "../run/checksums.js";
import { readRecord, readRunConfig, runPaths } from "../run/folder.js";
import { readLedger } from "../run/ledger.js";
import { readMetrics } from "./metrics-file.js";
import { chosenEpoch, selectionColumn, selectionsOf, type Selections } from "../run/epoch-selection.js";
import { parseTrainingRows, type TrainingRow } from "../run/training-rows.js";

export interface RunRow {
  /** Folder, relative to the searched folder. */
  folder: string;
  name: string;
  method: string;
  /** training, stopped, trained, scored; or broken */
  status: string;
  /** ISO 8601 */
  created: string;
  dataset: string;
  seed: number;
  epochs: number;
  /** The metric on val that chose the epoch of the last stage: "macro F1"; empty before the first epoch. */
  select: string;
  /** That metric at the chosen epoch of the last stage; NaN before the first epoch. */
  val: number;
  /** Balanced accuracy of the main model on test; null before evaluate. */
  test: Estimate | null;
  testReads: number;
  /** The selection metric of each stage on val, by epoch. */
  curves: { stage: string; select: string; values: number[] }[];
  /** Why a run cannot be read; null if it can. */
  problem: string | null;
}

/** Subfolders are searched to this depth. */
const DEPTH = 4;

/** Every folder with a run.json, in the order of their names; folders inside a run are not searched. */
export function listRuns(directory: string): RunRow[] {
  const root = resolve(directory);
  return runFolders(root, DEPTH).map((folder) => readRun(folder, relative(root, folder) || "."));
}

function runFolders(folder: string, depth: number): string[] {
  if (existsSync(runPaths(folder).record)) return [folder];
  if (depth === 0 || !existsSync(folder) || !statSync(folder).isDirectory()) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort(new Intl.Collator("en", { numeric: true }).compare)
    .flatMap((name) => runFolders(join(folder, name), depth - 1));
}

function readRun(run: string, folder: string): RunRow {
  const unknown = {
    folder,
    name: folder,
    method: "",
    created: "",
    dataset: "",
    seed: NaN,
    epochs: 0,
    select: "",
    val: NaN,
    test: null,
    testReads: 0,
    curves: [],
  };
  try {
    const { dataset, status, created, selectionMetrics } = readRecord(run);
    const config = readRunConfig(run);
    const { name, method, seed } = config;
    const paths = runPaths(run);
    const rows = existsSync(paths.metrics)
      ? parseTrainingRows(readFileSync(paths.metrics, "utf8"), paths.metrics)
      : [];
    const selections = selectionsOf(config, selectionMetrics);
    const last = rows.at(-1)?.stage;
    const select = selections[last ?? ""];
    const ofLast = rows.filter(({ stage }) => stage === last);
    const chosen = select === undefined ? undefined : chosenEpoch(ofLast, select);
    checkFile(run, paths.summary, `Score it again: slicestack evaluate ${pathWord(run)}`);
    const test = testScore(paths.summary);
    return {
      folder,
      name,
      method,
      status: test === null ? livingStatus(run, status) : "scored",
      created,
      dataset: dataset?.name ?? "imported",
      seed,
      epochs: rows.length,
      select: select?.label ?? "",
      val: select === undefined ? NaN : (chosen?.[selectionColumn(select.name)] ?? NaN),
      test,
      testReads: readLedger(run).count,
      curves: curvesOf(rows, selections),
      problem: null,
    };
  } catch (error) {
    return { ...unknown, status: "broken", problem: error instanceof Error ? error.message : String(error) };
  }
}

/** A killed training could not record that it stopped: it counts as stopped if no process holds its folder. */
function livingStatus(run: string, status: string): string {
  const isDead = status === "training" && !isHeld(run);
  return isDead ? "stopped" : status;
}

function curvesOf(rows: readonly TrainingRow[], selections: Selections): RunRow["curves"] {
  const stages = [...new Set(rows.map(({ stage }) => stage))];
  return stages.map((stage) => {
    const { name, label } = selections[stage] ?? {
      name: defaultName("metric"),
      label: defaultName("metric"),
    };
    const values = rows.filter((row) => row.stage === stage).map((row) => row[selectionColumn(name)] ?? NaN);
    return { stage, select: label, values };
  });
}

function testScore(file: string): Estimate | null {
  if (!existsSync(file)) return null;
  const { test, run } = readMetrics(file);
  return test.find(({ model }) => model === run.mainModel)?.metrics.balancedAccuracy ?? null;
}

const BLOCKS = "▁▂▃▄▅▆▇█";

/** A curve as a line of block characters, one per value, scaled from the lowest to the highest; NaN is a gap. */
export function sparkline(values: readonly number[], width = 12): string {
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  // In longer curves, each character shows the last epoch of a group.
  const count = Math.min(width, values.length);
  const shown = Array.from(
    { length: count },
    (_, k) => values[Math.ceil(((k + 1) * values.length) / count) - 1]!,
  );
  return shown
    .map((value) => {
      if (!Number.isFinite(value)) return " ";
      const height = high === low ? 0.5 : (value - low) / (high - low);
      return BLOCKS[Math.min(BLOCKS.length - 1, Math.floor(height * BLOCKS.length))]!;
    })
    .join("");
}
