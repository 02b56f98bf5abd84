import type { Probe } from "./probe.js";

export interface GpuProcess {
  gpu: string;
  pid: number;
  /** null if the driver does not report it. */
  bytes: number | null;
  user: string;
}

export const GPU_QUERY = [
  "--query-gpu=index,uuid,name,memory.total,memory.free,driver_version",
  "--format=csv,noheader,nounits",
];
export const PROCESS_QUERY = [
  "--query-compute-apps=gpu_uuid,pid,used_memory",
  "--format=csv,noheader,nounits",
];

const MIB = 2 ** 20;

export interface NvidiaGpu {
  index: number;
  uuid: string;
  name: string;
  totalBytes: number | null;
  freeBytes: number | null;
  driver: string;
}

/** Output of `nvidia-smi` with GPU_QUERY: one GPU a line, memory in MiB. */
export function parseGpus(text: string): NvidiaGpu[] {
  return rows(text, 6).map(([index = "", uuid = "", name = "", total = "", free = "", driver = ""]) => ({
    index: Number(index),
    uuid,
    name,
    totalBytes: mebibytes(total),
    freeBytes: mebibytes(free),
    driver,
  }));
}

/** Output of `nvidia-smi` with PROCESS_QUERY: one process a line. */
export function parseGpuProcesses(text: string): Omit<GpuProcess, "user">[] {
  return rows(text, 3).map(([gpu = "", pid = "", memory = ""]) => ({
    gpu,
    pid: Number(pid),
    bytes: mebibytes(memory),
  }));
}

/** Output of `ps -o pid=,user=`. */
export function parseUsers(text: string): Map<number, string> {
  const pairs = text.split("\n").map((line) => /^\s*(\d+)\s+(\S+)\s*$/.exec(line));
  return new Map(pairs.filter((match) => match !== null).map(([, pid, user = "?"]) => [Number(pid), user]));
}

/** "[N/A]" and the like, which the driver prints inside containers, are null. */
function mebibytes(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) * MIB : null;
}

function rows(text: string, columns: number): string[][] {
  return text
    .split("\n")
    .map((line) => line.split(",").map((cell) => cell.trim()))
    .filter((cells) => cells.length === columns);
}

/** What the NVIDIA driver reports; "absent" without nvidia-smi, "broken" if nvidia-smi fails. */
export type NvidiaState =
  | { state: "absent" }
  | { state: "broken"; message: string }
  | { state: "ok"; gpus: NvidiaGpu[]; processes: GpuProcess[] };

export async function readNvidia(probe: Probe): Promise<NvidiaState> {
  const gpus = await probe.run("nvidia-smi", GPU_QUERY);
  if (gpus.status === "missing") return { state: "absent" };
  if (gpus.status === "failed") return { state: "broken", message: gpus.message };
  const listed = await probe.run("nvidia-smi", PROCESS_QUERY);
  const processes = listed.status === "ok" ? parseGpuProcesses(listed.stdout) : [];
  const pids = processes.map(({ pid }) => pid).join(",");
  const named = pids === "" ? undefined : await probe.run("ps", ["-o", "pid=,user=", "-p", pids]);
  const users = parseUsers(named?.status === "ok" ? named.stdout : "");
  return {
    state: "ok",
    gpus: parseGpus(gpus.stdout),
    processes: processes.map((process) => ({ ...process, user: users.get(process.pid) ?? "unknown user" })),
  };
}
