/** `train --on slurm`: submits this command as one job, of one process or of several that meet over srun. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { JobFolder, Slurm } from "@slicestack/pipeline/internal";
import { UsageError } from "../exit-codes.js";
import { givenWords, wordsWithout } from "../given-words.js";
import { rewriteOverrides } from "../overrides.js";
import type { Outcome, Session } from "../session.js";
import { pathWord } from "../shell.js";
import { followCommand, submittedOutcome } from "./slurm-follow.js";
import { SLURM_OPTIONS, taskOf, type SlurmFlags } from "./slurm-options.js";
import { targetOf, type TargetFlags } from "./train-target.js";

export interface SlurmTrainFlags extends SlurmFlags, TargetFlags {
  nodes?: number;
}

/** Given to the first start; a later one has them from the run's own files. */
const OF_A_NEW_RUN = ["--config", "--set", "--shuffle-labels", "--fold", "--seeds", "--resume", "--out"];

/** @throws UsageError, ConfigError, RunError, SlurmError */
export async function trainOnSlurm(
  flags: SlurmTrainFlags,
  session: Session,
  command: Command,
): Promise<Outcome> {
  const { activeSubmission, nextSubmission, Slurm, submissionsBeside } =
    await import("@slicestack/pipeline/internal");
  const out = folderOf(flags);
  const slurm = new Slurm();
  const submissions = submissionsBeside(out);
  const active = await activeSubmission(slurm, submissions);
  if (active !== null) {
    session.log(`Slurm job ${active.read()?.job} trains ${out} already: following it.`);
    return followCommand(slurm, active, flags, session);
  }
  await checkTarget(flags, out, session);
  const folder = nextSubmission(submissions);
  const job = await submit(slurm, { folder, out, flags, session, command });
  if (flags.detach === true) return submittedOutcome(job, folder);
  session.log(`Slurm job ${job}: ${folder.path}`);
  return followCommand(slurm, folder, flags, session);
}

function folderOf({ out, resume, config, overwrite }: SlurmTrainFlags): string {
  const folder = out ?? (typeof resume === "string" ? resume : undefined);
  if (folder === undefined) throw new UsageError("--on slurm needs --out FOLDER, or --resume RUN");
  if (resume === undefined && (config === undefined || config === "auto"))
    throw new UsageError("--on slurm needs --config FILE: slicestack plan DATA --out FILE writes one");
  if (overwrite === true)
    throw new UsageError("--overwrite is not possible with --on slurm: remove the folder first");
  return folder;
}

const hasRun = (folder: string): boolean =>
  ["run.json", "group.json"].some((name) => existsSync(join(folder, name)));

/** Everything that can be refused before a job has waited for its turn. */
async function checkTarget(flags: SlurmTrainFlags, out: string, session: Session): Promise<void> {
  const { openDataset, resolveWorld, worldFromEnvironment } = await import("@slicestack/pipeline");
  const oneProcess = await resolveWorld(worldFromEnvironment({}));
  const { data, config, resume } = await targetOf(flags, oneProcess, session);
  openDataset(data);
  if (!resume && !config.relaunch && hasRun(out))
    throw new UsageError(`${out} is a run already: continue it with --resume ${pathWord(out)}`);
}

interface Submitting {
  folder: JobFolder;
  out: string;
  flags: SlurmTrainFlags;
  session: Session;
  command: Command;
}

function submit(slurm: Slurm, { folder, out, flags, session, command }: Submitting): Promise<number> {
  const { nodes = 1, procs = 1, sbatch = {}, stopBefore = 120 } = flags;
  const given = givenWords(command, rewriteOverrides(session.argv));
  const own = [...SLURM_OPTIONS, "--nodes", "--procs"];
  const first = ["train", ...wordsWithout(given, [...own, "--out"]), "--out", resolve(out)];
  const later = ["train", ...wordsWithout(given, [...own, ...OF_A_NEW_RUN]), "--resume", resolve(out)];
  const record = flags.fold === "all" || flags.seeds !== undefined ? "group.json" : "run.json";
  const again = { exists: join(resolve(out), record), command: taskOf(...later) };
  const places = nodes * procs > 1 ? { nodes, "ntasks-per-node": procs } : {};
  return folder.submit(slurm, {
    name: "slicestack-train",
    tasks: [{ command: taskOf(...(flags.resume === undefined ? first : later)), again }],
    options: { ...sbatch, ...places },
    stopBefore,
    separateErrors: true,
    launcher: nodes * procs > 1 ? srun(nodes, procs) : [],
  });
}

/**
 * A rank that fails is noticed by the others themselves, and a rank that was asked to stop may end before the one that saves:
 * therefore srun waits, and ends what is left only then.
 */
const srun = (nodes: number, procs: number): string[] => [
  "srun",
  `--nodes=${nodes}`,
  `--ntasks-per-node=${procs}`,
  "--kill-on-bad-exit=0",
  "--wait=300",
];
