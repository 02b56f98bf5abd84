/** Identifies the process that holds a lock, and decides whether it has certainly ended. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { codeOf } from "./error-code.js";

export interface Owner {
  pid: number;
  host: string;
  /** Start time of the process in clock ticks: process ids are reused. */
  started: string;
  /** The kernel's boot id, which differs between machines of the same name, and changes with each reboot. */
  boot?: string | undefined;
  /** Process ids are unique only within a namespace: each container of a machine has a process 1. */
  pidNamespace?: string | undefined;
  /** A hash of the machine's id. */
  machine?: string | undefined;
  slurm?: SlurmJob | undefined;
}

interface SlurmJob {
  job: string;
  /** How often the job was requeued. */
  restarts: number;
  cluster: string;
}

/** The namespace of processes outside containers, the same on every machine (PROC_PID_INIT_INO). */
const FIRST_NAMESPACE = "pid:[4026531836]";

export function thisProcess(): Owner {
  place ??= {
    host: hostname(),
    boot: fileText("/proc/sys/kernel/random/boot_id"),
    pidNamespace: linkText("/proc/self/ns/pid"),
    machine: machineHash(),
  };
  started ??= startOf(process.pid) ?? "";
  return { ...place, pid: process.pid, started, slurm: slurmOf(process.env) };
}

/** Read once: a queue asks for each process that it starts. */
let place: Pick<Owner, "host" | "boot" | "pidNamespace" | "machine"> | undefined;
let started: string | undefined;

/** Another process of this machine, started by this one. */
export const childProcess = (pid: number): Owner => ({ ...thisProcess(), pid, started: startOf(pid) ?? "" });

/** True only if it is certain: a process that is not visible from here counts as running. */
export function isGone(owner: Owner): boolean {
  const here = thisProcess();
  if (isSamePlace(owner, here)) return !isRunning(owner);
  return wasRebooted(owner, here) || jobHasEnded(owner, here);
}

/** Whether the owner's process id means the same process here: only then may it be signalled, or be seen to end. */
export const isVisible = (owner: Owner): boolean => isSamePlace(owner, thisProcess());

function isSamePlace(owner: Owner, here: Owner): boolean {
  // Locks of earlier versions and of systems without /proc name only the host.
  if (owner.boot === undefined || owner.pidNamespace === undefined)
    return owner.host === here.host && owner.boot === undefined;
  return owner.boot === here.boot && owner.pidNamespace === here.pidNamespace;
}

function isRunning({ pid, started }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
  const fields = statOf(pid);
  // A process that has ended stays in the table until its parent asks for it, which some containers' first process never does.
  if (fields?.[0] === "Z" || fields?.[0] === "X") return false;
  const now = fields?.[19];
  return now === undefined || started === "" || now === started;
}

/** Whether the machine has rebooted since. A container cannot distinguish it from another machine with the same name. */
function wasRebooted(owner: Owner, here: Owner): boolean {
  const isMachine = ({ pidNamespace }: Owner) => pidNamespace === FIRST_NAMESPACE;
  const isSame = owner.host === here.host && owner.machine !== undefined && owner.machine === here.machine;
  return isSame && isMachine(owner) && isMachine(here) && owner.boot !== here.boot;
}

/** States of a job without running processes; a PENDING job was requeued and waits. */
const ENDED =
  /^(BOOT_FAIL|CANCELLED|COMPLETED|DEADLINE|FAILED|NODE_FAIL|OUT_OF_MEMORY|PENDING|PREEMPTED|REVOKED|TIMEOUT)/;

/** Whether Slurm reports that the lock's job has ended. False if Slurm cannot be asked. */
function jobHasEnded({ slurm }: Owner, here: Owner): boolean {
  if (slurm === undefined) return false;
  const currentJob = here.slurm;
  if (currentJob !== undefined && currentJob.cluster !== slurm.cluster) return false;
  // Requeued: this is the same job, and its earlier start has ended.
  if (currentJob?.job === slurm.job && currentJob.restarts > slurm.restarts) return true;
  let text: string;
  try {
    const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
    text = execFileSync("scontrol", ["show", "job", slurm.job], { encoding: "utf8", timeout: 30_000, stdio });
  } catch (error) {
    // Slurm forgets a job some minutes after its end.
    return error instanceof Error && "stderr" in error && /Invalid job id/i.test(String(error.stderr));
  }
  const state = /\bJobState=(\S+)/.exec(text)?.[1] ?? "";
  const restarts = Number(/\bRestarts=(\d+)/.exec(text)?.[1] ?? 0);
  return ENDED.test(state) || restarts > slurm.restarts;
}

function slurmOf(env: Record<string, string | undefined>): SlurmJob | undefined {
  const job = env["SLURM_JOB_ID"];
  if (job === undefined || !/^\d+$/.test(job)) return undefined;
  return { job, restarts: Number(env["SLURM_RESTART_COUNT"] ?? 0), cluster: env["SLURM_CLUSTER_NAME"] ?? "" };
}

/** Field 22 of /proc/PID/stat. */
const startOf = (pid: number): string | undefined => statOf(pid)?.[19];

/** The fields of /proc/PID/stat from the third onwards; undefined if the system has no such file. */
function statOf(pid: number): string[] | undefined {
  const text = fileText(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, which may hold anything.
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

function machineHash(): string | undefined {
  const id = fileText("/etc/machine-id");
  // The id itself must not be published.
  if (id === undefined || id === "") return undefined;
  return createHash("sha256").update(`slicestack lock ${id}`).digest("hex").slice(0, 16);
}

function fileText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

function linkText(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
