/** Who holds a lock, and whether that process is gone for certain. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { codeOf } from "./error-code.js";

export interface Owner {
  pid: number;
  host: string;
  /** When the process began, in the system's own ticks: a process id can be used again. */
  started: string;
  /** Of the kernel since it started: two machines of one name differ, and a machine differs before and after a reboot. */
  boot?: string | undefined;
  /** Process ids mean something within one namespace: containers of one machine each have a process 1. */
  pidNamespace?: string | undefined;
  /** A hash of the machine's own id. */
  machine?: string | undefined;
  slurm?: SlurmPlace | undefined;
}

interface SlurmPlace {
  job: string;
  /** How often the job was requeued. */
  restarts: number;
  cluster: string;
}

/** That of every machine's first namespace (PROC_PID_INIT_INO): a process outside of containers. */
const FIRST_NAMESPACE = "pid:[4026531836]";

export function thisProcess(): Owner {
  return {
    pid: process.pid,
    host: hostname(),
    started: startOf(process.pid) ?? "",
    boot: fileText("/proc/sys/kernel/random/boot_id"),
    pidNamespace: linkText("/proc/self/ns/pid"),
    machine: machineHash(),
    slurm: slurmOf(process.env),
  };
}

/** Another process of this machine, started by this one. */
export const childProcess = (pid: number): Owner => ({ ...thisProcess(), pid, started: startOf(pid) ?? "" });

/** True only where it is certain: a process that cannot be seen from here counts as there. */
export function isGone(owner: Owner): boolean {
  const here = thisProcess();
  if (isSamePlace(owner, here)) return !isRunning(owner);
  return wasRebooted(owner, here) || jobHasEnded(owner, here);
}

function isSamePlace(owner: Owner, here: Owner): boolean {
  // Locks of earlier versions and of systems without /proc name the host alone.
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

/** The same machine, started again since. A container cannot tell that from another machine of the same name. */
function wasRebooted(owner: Owner, here: Owner): boolean {
  const isMachine = ({ pidNamespace }: Owner) => pidNamespace === FIRST_NAMESPACE;
  const isSame = owner.host === here.host && owner.machine !== undefined && owner.machine === here.machine;
  return isSame && isMachine(owner) && isMachine(here) && owner.boot !== here.boot;
}

/** States of a job none of whose processes is running; PENDING: it was requeued and waits. */
const ENDED =
  /^(BOOT_FAIL|CANCELLED|COMPLETED|DEADLINE|FAILED|NODE_FAIL|OUT_OF_MEMORY|PENDING|PREEMPTED|REVOKED|TIMEOUT)/;

/** What Slurm knows of the job in which the lock was taken. False where it cannot be asked. */
function jobHasEnded({ slurm }: Owner, here: Owner): boolean {
  if (slurm === undefined) return false;
  const own = here.slurm;
  if (own !== undefined && own.cluster !== slurm.cluster) return false;
  // Requeued: this is the same job, and its earlier start has ended.
  if (own?.job === slurm.job && own.restarts > slurm.restarts) return true;
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

function slurmOf(env: Record<string, string | undefined>): SlurmPlace | undefined {
  const job = env["SLURM_JOB_ID"];
  if (job === undefined || !/^\d+$/.test(job)) return undefined;
  return { job, restarts: Number(env["SLURM_RESTART_COUNT"] ?? 0), cluster: env["SLURM_CLUSTER_NAME"] ?? "" };
}

/** Field 22 of /proc/PID/stat. */
const startOf = (pid: number): string | undefined => statOf(pid)?.[19];

/** The fields of /proc/PID/stat from the third on; undefined where the system has no such file. */
function statOf(pid: number): string[] | undefined {
  const text = fileText(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, which may hold anything.
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

function machineHash(): string | undefined {
  const id = fileText("/etc/machine-id");
  // The id itself is not for others to read.
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
