/** Locates a sweep by its file or folder, plans it, and starts it. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathWord, shownPath } from "../command-line.js";
import { readSource } from "../config/document.js";
import { ConfigError } from "../config/errors.js";
import { writeFileAtomic } from "../data/atomic.js";
import { claimFolder } from "../data/owned-folder.js";
import { openDataset, type Dataset } from "../data/store.js";
import { locationOf } from "../run/dataset-location.js";
import { codeVersion } from "../run/code-version.js";
import { softwareVersions } from "../run/software-versions.js";
import { splitsOf } from "../train/choose-split.js";
import { BaseConfig } from "./base-config.js";
import { SweepError } from "./errors.js";
import { holdsPoints, isFolder } from "./points-folder.js";
import { checkSpace } from "./search.js";
import { canonicalJson } from "./space.js";
import { loadSweepFile, type SweepSpec } from "./sweep-file.js";
import { sweepPaths } from "./sweep-folder.js";
import { isBegun, writeSweepRecord } from "./sweep-record.js";
import { Sweep } from "./sweep.js";
import { makeFolder } from "../data/make-folder.js";

export interface SweepTarget {
  /** Prepared data set; default: the one named in the file. */
  data?: string;
  /** Folder of the sweep; default: the one named in the file, or else runs/NAME. */
  out?: string;
}

export interface FoundSweep {
  /** null if only the folder was given. */
  file: string | null;
  folder: string;
  isBegun: boolean;
}

/** @param given a sweep's file, its folder, or a folder of points   @throws ConfigError, SweepError */
export function locateSweep(given: string, { out }: Pick<SweepTarget, "out"> = {}): FoundSweep {
  if (isFolder(given) && !holdsPoints(given)) {
    const folder = resolve(given);
    if (isBegun(folder)) return { file: null, folder, isBegun: true };
    throw new SweepError(
      given,
      "is a folder without sweep.json: no sweep has been started there",
      `Pass the file of a sweep, e.g. ${pathWord(join(given, "sweep.yaml"))}, a folder of YAML files with a point each, or the folder of a sweep that has been started.`,
    );
  }
  const spec = loadSweepFile(given);
  const folder = folderOf(spec, out);
  return { file: spec.file, folder, isBegun: isBegun(folder) };
}

const folderOf = ({ out, name }: SweepSpec, given: string | undefined): string =>
  resolve(given ?? out ?? join("runs", name));

/** Loads a sweep's file and its base configuration, and checks every point. */
export async function checkedSweep(file: string): Promise<{ spec: SweepSpec; base: BaseConfig }> {
  const spec = loadSweepFile(file);
  const base = await BaseConfig.load(spec);
  checkSpace({ spec, base });
  return { spec, base };
}

/**
 * Opens an existing sweep, or starts a new one: claims its folder, copies the file and the base configuration into it,
 * and lists the points that do not depend on results. Everything is checked before anything is written.
 * @throws ConfigError, PluginError, SweepError, FolderError, DatasetError, SplitError
 */
export async function beginSweep(
  given: string,
  target: SweepTarget & { command?: string } = {},
): Promise<Sweep> {
  const located = locateSweep(given, target);
  if (located.isBegun) {
    if (located.file !== null) takeChanges(loadSweepFile(located.file), located.folder);
    return openAndFill(located.folder);
  }
  const { spec, base } = await checkedSweep(located.file!);
  const dataset = openDataset(dataOf(spec, target.data));
  const { seeds, folds, splits } = repeatsOf(spec, base, dataset);
  const paths = sweepPaths(located.folder);
  claimFolder(paths.root, "sweep");
  makeFolder(paths.trials);
  writeFileAtomic(paths.file, spec.text);
  writeFileAtomic(paths.base, base.text);
  writeSweepRecord(paths.root, {
    version: 1,
    name: spec.name,
    dataset: locationOf(paths.root, dataset),
    splits,
    seeds,
    folds,
    created: new Date().toISOString(),
    command: target.command ?? "beginSweep() of @slicestack/pipeline",
    versions: { ...softwareVersions(), ...codeVersion() },
  });
  return openAndFill(paths.root);
}

/**
 * Adds missing points whenever a sweep is opened to run, in case a process was killed between the record and the
 * points.
 */
async function openAndFill(folder: string): Promise<Sweep> {
  const sweep = await Sweep.open(folder);
  sweep.addListed();
  return sweep;
}

/** The seeds and folds of every point, and the hashes of the splits. */
export function repeatsOf(
  { seeds, folds, locate }: SweepSpec,
  base: BaseConfig,
  dataset: Dataset,
): { seeds: number[]; folds: (number | null)[]; splits: string[] } {
  const config = base.configOf({});
  const splits = splitsOf(dataset, config);
  const hashes = splits.map(({ hash }) => hash);
  const counted =
    typeof seeds === "number" ? Array.from({ length: seeds }, (_, k) => config.seed + k) : [...seeds];
  if (splits.length === 1 && splits[0]!.fold === null) {
    if (folds === "all") return { seeds: counted, folds: [null], splits: hashes };
    const message = `folds: the data set ${dataset.directory} has a single split and no folds; create folds with slicestack split --folds 5, or omit the key`;
    throw new ConfigError([{ key: "folds", ...locate(["folds"], "value"), message }]);
  }
  const chosen = folds === "all" ? splits.map((_, k) => k) : [...new Set(folds)];
  const beyond = chosen.find((fold) => fold >= splits.length);
  if (beyond !== undefined) {
    const message = `folds: expected folds from 0 to ${splits.length - 1}, received ${beyond}`;
    throw new ConfigError([{ key: "folds", ...locate(["folds"], "value"), message }]);
  }
  return { seeds: counted, folds: chosen, splits: hashes };
}

/** @throws ConfigError if neither the command nor the file names a data set */
export function dataOf({ data, locate }: SweepSpec, given: string | undefined): string {
  const folder = given ?? data;
  if (folder !== null && folder !== undefined) return folder;
  const message = "data: expected a prepared data set, received nothing; name it here, or pass --data";
  throw new ConfigError([{ key: "data", ...locate([], "value"), message }]);
}

/** Keys that may change after the start of a sweep: its budget, and how its trials are run. */
const CHANGEABLE = ["budget", "out", "data", "run", "slurm"];

/**
 * Checks that the file differs from that of the started sweep only in changeable keys.
 * @throws SweepError, ConfigError
 */
function takeChanges({ file, text }: SweepSpec, folder: string): void {
  const kept = sweepPaths(folder).file;
  const before = readFileSync(kept, "utf8");
  if (text === before) return;
  const fixedPart = (content: string): string => {
    const { root } = readSource({ text: content });
    return canonicalJson(
      Object.fromEntries(Object.entries(root).filter(([key]) => !CHANGEABLE.includes(key))),
    );
  };
  if (fixedPart(text) === fixedPart(before)) return writeFileAtomic(kept, text);
  throw new SweepError(
    file,
    `differs from the file with which the sweep in ${shownPath(folder)} was started, in more than ${CHANGEABLE.join(", ")}`,
    "To resume the sweep unchanged, pass its folder. For other settings, use another --out. To add points: slicestack sweep add.",
  );
}
