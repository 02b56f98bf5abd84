/** `prepare --on slurm`: pieces of the data set as the elements of a job array, and a job that merges them. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import type { JobFolder, Slurm, TaskOutcome } from "@slicestack/pipeline/internal";
import { EXIT, UsageError } from "../exit-codes.js";
import { givenWords, wordsWithout } from "../given-words.js";
import type { Outcome, Session } from "../session.js";
import { codeOf, followCommand, following, submittedOutcome } from "./slurm-follow.js";
import { SLURM_OPTIONS, taskOf, type SlurmFlags } from "./slurm-options.js";

interface SlurmPrepareFlags extends SlurmFlags {
  shards?: number;
  shard?: { index: number; count: number };
  name?: string;
  overwrite?: boolean;
}

interface Preparing {
  source: string;
  destination: string;
  flags: SlurmPrepareFlags;
  session: Session;
  command: Command;
}

/** The pieces, and the job that merges them. */
interface Submitted {
  pieces: JobFolder;
  merge: JobFolder;
}

/** @throws UsageError, SlurmError */
export async function prepareOnSlurm(preparing: Preparing): Promise<Outcome> {
  const { activeSubmission, Slurm, submissionsBeside } = await import("@slicestack/pipeline/internal");
  const { destination, flags, session } = preparing;
  const slurm = new Slurm();
  const [pieces, merge] = ["pieces", "merge"].map((name) => join(submissionsBeside(destination), name)) as [
    string,
    string,
  ];
  const active = await activeSubmission(slurm, merge);
  const submitted =
    active === null ? await submit(slurm, pieces, merge, preparing) : await lastOf(pieces, active);
  if (active !== null)
    session.log(`Slurm job ${active.read()?.job} makes ${destination} already: following it.`);
  else if (flags.detach === true) return submittedOutcome(submitted.merge.read()!.job!, submitted.merge);
  const failed = await firstFailure(slurm, submitted.pieces, flags, session);
  if (failed !== null) return failed;
  const outcome = await followCommand(slurm, submitted.merge, flags, session);
  if (outcome.code === EXIT.ok || outcome.code === EXIT.partly)
    rmSync(piecesOf(destination), { recursive: true, force: true });
  return outcome;
}

const piecesOf = (destination: string): string => `${resolve(destination)}.pieces`;

async function lastOf(pieces: string, merge: JobFolder): Promise<Submitted> {
  const { submissionsIn } = await import("@slicestack/pipeline/internal");
  return { pieces: submissionsIn(pieces).at(-1)!, merge };
}

async function submit(
  slurm: Slurm,
  piecesFolder: string,
  mergeFolder: string,
  preparing: Preparing,
): Promise<Submitted> {
  const { nextSubmission } = await import("@slicestack/pipeline/internal");
  const { source, destination, flags, session, command } = preparing;
  const { shards, shard, sbatch = {}, stopBefore = 120, overwrite, name } = flags;
  if (shards === undefined || shard !== undefined)
    throw new UsageError("--on slurm needs --shards N, the number of pieces, and no --shard");
  if (overwrite !== true && existsSync(join(destination, "dataset.json")))
    throw new UsageError(`${destination} is a data set already: give another folder, or --overwrite`);
  const given = wordsWithout(givenWords(command, session.argv), [
    ...SLURM_OPTIONS,
    "--shards",
    "--name",
    "--json",
  ]);
  const piece = (k: number) => join(piecesOf(destination), String(k));
  const numbers = Array.from({ length: shards }, (_, k) => k + 1);
  const [pieces, merge] = [nextSubmission(piecesFolder), nextSubmission(mergeFolder)];
  const common = { options: sbatch, stopBefore, success: [EXIT.ok, EXIT.partly] };
  const job = await pieces.submit(slurm, {
    ...common,
    name: "slicestack-prepare",
    tasks: numbers.map((k) => ({
      command: taskOf("prepare", ...given, "--shard", `${k}/${shards}`, "--", source, piece(k)),
    })),
  });
  const named = [
    ...(name === undefined ? [] : ["--name", name]),
    ...(overwrite === true ? ["--overwrite"] : []),
  ];
  const output = flags.json === true ? ["--json"] : [];
  await merge.submit(slurm, {
    ...common,
    name: "slicestack-merge",
    tasks: [{ command: taskOf("merge", ...named, ...output, "--", destination, ...numbers.map(piece)) }],
    dependency: `afterok:${job}`,
    separateErrors: true,
  });
  return { pieces, merge };
}

/** @returns what to tell where a piece failed or was stopped; null where all are there */
async function firstFailure(
  slurm: Slurm,
  pieces: JobFolder,
  flags: SlurmPrepareFlags,
  session: Session,
): Promise<Outcome | null> {
  const { followTasks } = await import("@slicestack/pipeline/internal");
  const outcomes = await followTasks(slurm, pieces, following(flags, session));
  const isWhole = (outcome: TaskOutcome) => outcome.code === EXIT.ok || outcome.code === EXIT.partly;
  const index = outcomes.findIndex((outcome) => !isWhole(outcome));
  if (index < 0) return null;
  const failed = outcomes[index]!;
  const code = failed.stopped ? EXIT.stopped : codeOf(failed);
  const how = failed.code === null ? `was ended by ${failed.signal}` : `ended with exit code ${failed.code}`;
  const message = `piece ${index + 1} of ${outcomes.length} ${how}: ${lastLine(pieces.log(index))}`;
  return { code, text: "", json: { error: { name: "SlurmError", message, exitCode: code } }, note: message };
}

function lastLine(file: string): string {
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  return lines.at(-1) ?? `see ${file}`;
}
