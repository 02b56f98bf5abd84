/** Manages the submissions for one result: FOLDER/1, FOLDER/2 …, so that the logs of earlier ones are kept. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "../data/make-folder.js";
import type { Slurm } from "./client.js";
import { JobFolder } from "./job-folder.js";

/** The folder for the submissions of a run: "runs/mine.slurm" for "runs/mine". */
export const submissionsBeside = (result: string): string => `${result.replace(/\/+$/, "")}.slurm`;

/** The submissions in a folder, in ascending order. */
export function submissionsIn(folder: string): JobFolder[] {
  return numbersIn(folder).map((number) => new JobFolder(join(folder, String(number))));
}

/** Creates the folder for the next submission. */
export function nextSubmission(folder: string): JobFolder {
  const next = new JobFolder(join(folder, String((numbersIn(folder).at(-1) ?? 0) + 1)));
  makeFolder(next.path);
  return next;
}

function numbersIn(folder: string): number[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^\d+$/.test(name));
  return names.map(Number).sort((a, b) => a - b);
}

/** @returns the last submission if one of its tasks waits or runs, else null   @throws SlurmError */
export async function activeSubmission(slurm: Slurm, folder: string): Promise<JobFolder | null> {
  const last = submissionsIn(folder).at(-1);
  const comment = last?.read()?.comment;
  if (last === undefined || comment === undefined) return null;
  const isActive = (await slurm.jobs()).some((job) => job.comment === comment && job.phase !== "ended");
  return isActive ? last : null;
}
