/** The files by which commands tell the jobs and the controller of a sweep on Slurm what is wanted. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "../../data/make-folder.js";
import { writeFileAtomic } from "../../data/atomic.js";
import { submissionsIn } from "../../slurm/submissions.js";

/** The folder for the submissions of a sweep. */
export const slurmFolder = (sweep: string): string => join(sweep, "slurm");
/** While this file exists, no job of the sweep is requeued. */
export const cancelMark = (sweep: string): string => join(slurmFolder(sweep), "cancelled");
/** While this file exists, nothing is submitted, and a job that is requeued is held. */
export const pauseMark = (sweep: string): string => join(slurmFolder(sweep), "paused");

/** Holds a file for each trial that was cancelled by its number. */
const trialMarks = (sweep: string): string => join(slurmFolder(sweep), "cancelled-trials");

export function markTrialCancelled(sweep: string, trial: string): void {
  makeFolder(trialMarks(sweep));
  writeFileAtomic(join(trialMarks(sweep), trial), "");
}

/** The trials that were cancelled by their numbers, by id. */
export const cancelledTrials = (sweep: string): string[] =>
  existsSync(trialMarks(sweep)) ? readdirSync(trialMarks(sweep)).filter((name) => /^\d+$/.test(name)) : [];

export const isCancelled = (sweep: string): boolean => existsSync(cancelMark(sweep));
export const isPaused = (sweep: string): boolean => existsSync(pauseMark(sweep));

/** Whether anything of the sweep has gone to Slurm. */
export const wentToSlurm = (sweep: string): boolean => submissionsIn(slurmFolder(sweep)).length > 0;
