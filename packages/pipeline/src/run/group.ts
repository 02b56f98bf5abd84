/**
 * A group is a folder of runs that differ only in fold and seed. Its `group.json` lists them with their progress; all members
 * share the `config.yaml` and the `split.json` beside it.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { loadConfig } from "../config/load.js";
import { configToFile } from "../config/to-yaml.js";
import type { RunConfig } from "../config/types.js";
import { writeFileAtomic } from "../data/atomic.js";
import { readSplits, type Split } from "../data/split/split.js";
import { openSealed, sealedJson } from "../data/sealed-json.js";
import { checkConfig, datasetLocationSchema, RunError, runPaths } from "./folder.js";

const memberSchema = z.strictObject({
  /** Its folder in the group: fold0, seed1, fold0-seed1. */
  name: z.string().regex(/^(fold\d+)?-?(seed\d+)?$/),
  /** The index of its split in split.json; null if there is only one split. */
  fold: z.int().min(0).nullable(),
  seed: z.int().min(0),
  splitHash: z.string(),
  status: z.enum(["waiting", "training", "stopped", "trained"]),
  /** The stages that are complete. */
  trained: z.array(z.enum(["slice", "volume", "fine_tune"])),
});
export type Member = z.infer<typeof memberSchema>;

const groupSchema = z.strictObject({
  version: z.literal(1),
  created: z.string(),
  command: z.string(),
  status: z.enum(["training", "stopped", "trained"]),
  dataset: datasetLocationSchema,
  /** The hash of the configuration without its seed. */
  configHash: z.string(),
  /** SHA-256 of config.yaml; absent in groups of earlier versions. */
  configSha256: z.string().optional(),
  /** The hash of the hashes of all splits in split.json. */
  splitHash: z.string(),
  members: z.array(memberSchema).min(1),
});
export type GroupRecord = z.infer<typeof groupSchema>;

/** The files of a group; predictions, metrics, report and figures have the same paths as in a run. */
export function groupPaths(group: string) {
  const paths = runPaths(group);
  const { root, config, split, predictions, summary, report, figures } = paths;
  const member = ({ name }: Pick<Member, "name">): string => join(root, name);
  return {
    root,
    record: join(root, "group.json"),
    config,
    split,
    predictions,
    summary,
    report,
    figures,
    member,
  };
}

export const isGroup = (folder: string): boolean => existsSync(groupPaths(folder).record);

export function writeGroup(group: string, record: GroupRecord): void {
  writeFileAtomic(groupPaths(group).record, sealedJson(record));
}

/** @throws RunError if the folder is not a group, or its record is damaged */
export function readGroup(group: string): GroupRecord {
  const file = groupPaths(group).record;
  const remedy = "Give a folder that slicestack train --fold all or --seeds has created.";
  if (!existsSync(file)) throw new RunError(file, "not found", remedy);
  try {
    return groupSchema.parse(openSealed(readFileSync(file, "utf8")).value);
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const reason = error instanceof Error ? ` (${error.message})` : "";
    const problem =
      issue === undefined ? `expected JSON${reason}` : `${issue.path.join(".")}: ${issue.message}`;
    throw new RunError(file, problem, remedy);
  }
}

/** The configuration of all members, which differ only in the seed. @throws RunError if config.yaml has changed since the start   @throws ConfigError */
export function readGroupConfig(group: string, record: GroupRecord): RunConfig {
  checkConfig(groupPaths(group).config, record.configSha256);
  return loadConfig({ file: groupPaths(group).config, isStored: true });
}

/** The splits of the members, in order. @throws SplitError, RunError if split.json was replaced */
export function groupSplits(group: string, { splitHash }: GroupRecord): Split[] {
  const file = groupPaths(group).split;
  const splits = readSplits(file);
  if (splitsHash(splits) !== splitHash)
    throw new RunError(file, "is not the split that the group was started with", "Put the old one back.");
  return splits;
}

/** SHA-256 of the configuration without the seed, which all members share. */
export function configHash(config: RunConfig): string {
  return hashOf(configToFile({ ...config, seed: 0, relaunch: false }));
}

export const splitsHash = (splits: readonly Split[]): string => hashOf(splits.map(({ hash }) => hash));

const hashOf = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** "5 folds", "3 seeds", "5 folds x 3 seeds". */
export function groupWords(members: readonly Pick<Member, "fold" | "seed" | "name">[]): string {
  const count = (values: readonly unknown[], noun: string) => {
    const distinct = new Set(values).size;
    return `${distinct} ${noun}${distinct === 1 ? "" : "s"}`;
  };
  const folds = members.flatMap(({ fold }) => (fold === null ? [] : [fold]));
  const seeds = members.flatMap(({ name, seed }) => (name.includes("seed") ? [seed] : []));
  return [folds.length > 0 ? count(folds, "fold") : "", seeds.length > 0 ? count(seeds, "seed") : ""]
    .filter((part) => part !== "")
    .join(" x ");
}
