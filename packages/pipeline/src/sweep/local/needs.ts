/** What each training takes of this machine: CPU cores, memory, GPUs. */
import type { RunConfig } from "../../config/types.js";
import { usableCores } from "../../engine/doctor/cpu.js";
import { systemProbe } from "../../engine/doctor/probe.js";
import type { Needs } from "../../queue/jobs.js";
import { parseBytes } from "../../run/cache-entries.js";
import { SweepError } from "../errors.js";
import type { GpuPool } from "./gpus.js";
import type { LocalOptions } from "./local-section.js";

interface Booking {
  /** What the user asks for; the rest comes from the configuration and the machine. */
  run: Pick<LocalOptions, "cpus" | "memory" | "gpus">;
  gpus: GpuPool;
  /** The folder that an error names. */
  where: string;
}

/** @throws SweepError if this machine cannot give it */
export async function needsOf(
  { device, threads }: Pick<RunConfig, "device" | "threads">,
  { run, gpus, where }: Booking,
): Promise<Needs> {
  if (run.gpus !== 0 && device !== "cpu") await gpus.refresh();
  const each = run.gpus ?? (device === "cpu" || gpus.count === 0 ? 0 : 1);
  if (each > gpus.count)
    throw new SweepError(
      where,
      `each trial needs ${each} GPUs (run.gpus), but only ${gpus.count} may be used on this machine`,
      "Lower run.gpus, or run slicestack doctor.",
    );
  if (each > 0 && /^cuda:[1-9]/.test(device))
    throw new SweepError(
      where,
      `the configuration asks for device ${device}, and a trial sees only the GPUs that it is given, as cuda:0`,
      `Set device to auto, and run.use_gpus to [${device.slice(5)}].`,
    );
  const { usable } = usableCores(systemProbe());
  const share = each === 0 ? usable : Math.max(1, Math.floor((usable * each) / gpus.count));
  const cpus = run.cpus ?? (threads === "auto" ? share : threads);
  const memory = run.memory === null ? {} : { memory: parseBytes(run.memory, "run.memory") };
  const booksNone = run.gpus === 0 && device === "auto";
  return { cpus, ...memory, ...(each > 0 || booksNone ? { gpus: each } : {}) };
}
