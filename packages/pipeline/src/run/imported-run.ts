/** The configuration and the record of a run whose weights were not trained here. */
import type { RunConfig } from "../config/types.js";
import { writeFileAtomic } from "../data/atomic.js";
import { sha256Of } from "../data/sealed-json.js";
import { runPaths, writeRecord, type ImportedFrom } from "./folder.js";
import { softwareVersions } from "./software-versions.js";
import { storedConfig } from "./stored-config.js";

export interface ImportedRun {
  config: RunConfig;
  command: string;
  classes: string[];
  /** The kind of file that the weights are from, as the record calls it. */
  from: "checkpoint" | "bundle";
  imported: ImportedFrom;
}

/** Written last, after the weights: a folder without a record is no run. */
export function writeImportedRun(
  run: string,
  { config, command, classes, from, imported }: ImportedRun,
): void {
  const yaml = storedConfig(config, run);
  writeFileAtomic(runPaths(run).config, yaml);
  writeRecord(run, {
    version: 1,
    dataset: null,
    splitHash: "",
    configSha256: sha256Of(yaml),
    created: new Date().toISOString(),
    status: "trained",
    command,
    classes,
    versions: softwareVersions(),
    environment: { [from]: [`${imported.file}, SHA-256 ${imported.sha256}.`, ...imported.notes].join(" ") },
    testReads: 0,
    imported,
  });
}
