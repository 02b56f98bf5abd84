/** The files by which commands tell the jobs and the controller of a sweep on Slurm what is wanted. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { submissionsIn } from "../../slurm/submissions.js";

/** The folder for the submissions of a sweep. */
export const slurmFolder = (sweep: string): string => join(sweep, "slurm");
/** While this file exists, no job of the sweep is requeued. */
export const cancelMark = (sweep: string): string => join(slurmFolder(sweep), "cancelled");
/** While this file exists, nothing is submitted, and a job that is requeued is held. */
export const pauseMark = (sweep: string): string => join(slurmFolder(sweep), "paused");

export const isCancelled = (sweep: string): boolean => existsSync(cancelMark(sweep));
export const isPaused = (sweep: string): boolean => existsSync(pauseMark(sweep));

/** Whether anything of the sweep has gone to Slurm. */
export const wentToSlurm = (sweep: string): boolean => submissionsIn(slurmFolder(sweep)).length > 0;
