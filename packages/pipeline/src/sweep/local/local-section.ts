/** The section `run` of a sweep's file, which controls how trials run on one machine. */
import { z } from "zod";
import { key } from "../../config/notes.js";

const SIZE = /^\s*\d+(\.\d+)?\s*([kmgt]i?b)?\s*$/i;
// Each key has its own schema, because a description is attached to its schema.
const size = () => z.string().regex(SIZE).nullable().default(null);
const WHOLE = "a whole number";

export const localSchema = z.strictObject({
  slots: key(
    z.int().min(1).nullable().default(null),
    `${WHOLE}, at least 1, or null`,
    "Most trials that run at the same time; null = as many as CPUs, memory and GPUs allow",
  ),
  cpus: key(
    z.int().min(1).nullable().default(null),
    `${WHOLE}, at least 1, or null`,
    "CPU cores per trial; null = its number of threads, or with GPUs its share of all cores",
  ),
  memory: key(size(), "a size such as 8GB, or null", "Memory per trial; null = not counted"),
  gpus: key(
    z.int().min(0).nullable().default(null),
    `${WHOLE}, at least 0, or null`,
    "GPUs per trial; null = 1 if the machine has any and the configuration's device is not cpu",
  ),
  gpu_memory: key(
    size(),
    "a size such as 10GB, or null",
    "Memory that a trial needs on its GPU, which it may share; null = only GPUs without other computing processes",
  ),
  use_gpus: key(
    z.array(z.int().min(0)).nullable().default(null),
    "a list of whole numbers, or null",
    "GPUs that may be used, as nvidia-smi numbers them; null = all",
  ),
  attempts: key(
    z.int().min(1).default(3),
    `${WHOLE}, at least 1`,
    "How often a trial may fail before it is given up; running out of memory does not count",
  ),
  share_slice_stages: key(
    z.boolean().default(true),
    "true or false",
    "Trials with the same slice stage train it once",
  ),
});

export type LocalOptions = z.output<typeof localSchema>;
