/** The section `slurm` of a sweep's file, which controls how trials run on a cluster. */
import { z } from "zod";
import { key } from "../../config/notes.js";

const WHOLE = "a whole number";
const sbatch = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({});
const OPTIONS = "a map of sbatch's long options to values, e.g. {partition: gpu, gres: gpu:1}";

export const slurmSchema = z.strictObject({
  throttle: key(
    z.int().min(1).nullable().default(null),
    `${WHOLE}, at least 1, or null`,
    "Elements of a stage that may run at the same time; null = as many as Slurm starts",
  ),
  stop_before: key(
    z.int().min(1).default(120),
    `${WHOLE} of seconds, at least 1`,
    "Time before the time limit at which a job saves its state and is requeued",
  ),
  poll: key(
    z.number().positive().default(15),
    "a number of seconds above 0",
    "Time between two queries to Slurm",
  ),
  attempts: key(
    z.int().min(1).default(3),
    `${WHOLE}, at least 1`,
    "How often a stage of a trial may fail before the trial is given up; a lost node or a preemption does not count",
  ),
  retry_after: key(
    z.int().min(0).default(30),
    `${WHOLE} of seconds`,
    "Time before the second attempt; it doubles for each further one",
  ),
  sbatch: key(sbatch, OPTIONS, "Options of sbatch for the jobs of all stages"),
  slice: key(sbatch, OPTIONS, "Options that differ for jobs of the slice stage"),
  train: key(sbatch, OPTIONS, "Options that differ for jobs of the later stages"),
  score: key(sbatch, OPTIONS, "Options that differ for jobs that score the validation set"),
});

export type SlurmOptions = z.output<typeof slurmSchema>;
