/** What the commands that run on a cluster have in common: their options, and their own command as a task. */
import { Option, type Command } from "commander";
import { UsageError } from "../exit-codes.js";
import type { CommonOptions } from "../session.js";
import { parseDuration } from "./numbers.js";

export interface SlurmFlags extends CommonOptions {
  on?: "slurm";
  sbatch?: Record<string, string | true>;
  /** Seconds. */
  stopBefore?: number;
  poll?: number;
  detach?: boolean;
}

/** Options that concern the submission, and are left out of the job's own command. */
export const SLURM_OPTIONS = ["--on", "--sbatch", "--stop-before", "--poll", "--detach"];

export function addSlurmOptions(command: Command): Command {
  return command
    .addOption(new Option("--on <where>", "run as jobs of a cluster").choices(["slurm"]))
    .option(
      "--sbatch <name=value>",
      "with --on slurm: an option of sbatch, e.g. partition=gpu (repeatable)",
      collectSbatch,
    )
    .option(
      "--stop-before <time>",
      "with --on slurm: time before the job's limit at which it saves and is requeued (default: 2m)",
      parseDuration,
    )
    .option(
      "--poll <time>",
      "with --on slurm: time between two questions to Slurm (default: 10s)",
      parseDuration,
    )
    .option("--detach", "with --on slurm: submit and return; the same command then follows the jobs");
}

/** @throws UsageError where an option that needs --on slurm is given without it */
export function refuseWithoutSlurm(flags: SlurmFlags & { nodes?: number; shards?: number }): void {
  if (flags.on !== undefined) return;
  const names = {
    sbatch: "--sbatch",
    stopBefore: "--stop-before",
    poll: "--poll",
    detach: "--detach",
    nodes: "--nodes",
    shards: "--shards",
  };
  for (const [key, name] of Object.entries(names))
    if (flags[key as keyof typeof names] !== undefined) throw new UsageError(`${name} needs --on slurm`);
}

function collectSbatch(
  text: string,
  previous: Record<string, string | true> = {},
): Record<string, string | true> {
  const [, name, value] = /^(?:--)?([a-z][a-z0-9-]*)(?:=([^]*))?$/.exec(text) ?? [];
  if (name === undefined)
    throw new UsageError(`--sbatch: expected NAME=VALUE or NAME, e.g. partition=gpu, received ${text}`);
  return { ...previous, [name]: value ?? true };
}

/** This command as a task: Node, its flags, and the words given. */
export const taskOf = (...words: string[]): string[] => [
  process.execPath,
  ...process.execArgv,
  process.argv[1]!,
  ...words,
];
