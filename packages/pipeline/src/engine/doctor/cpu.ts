import { cpuQuota } from "@slicestack/torch/limits";
import type { Probe } from "./probe.js";

/** The instruction sets that decide libtorch's speed. */
const FLAGS = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"] as const;
export type CpuFlag = (typeof FLAGS)[number];

export interface CpuInfo {
  model: string;
  flags: CpuFlag[];
}

/** Parses /proc/cpuinfo of Linux on x86 or ARM. */
export function parseCpuinfo(text: string): CpuInfo {
  const field = (name: string) => new RegExp(`^${name}\\s*: (.*)$`, "m").exec(text)?.[1]?.trim();
  const flags = new Set((field("flags") ?? field("Features") ?? "").split(/\s+/));
  return { model: field("model name") ?? "unknown", flags: FLAGS.filter((flag) => flags.has(flag)) };
}

/** Parses `sysctl machdep.cpu.brand_string hw.optional` of macOS, whose Intel machines have AVX2 and AVX-512 at most. */
export function parseSysctl(text: string): CpuInfo {
  const model = /^machdep\.cpu\.brand_string: (.*)$/m.exec(text)?.[1]?.trim() ?? "unknown";
  const flags: CpuFlag[] = [];
  if (/^hw\.optional\.avx2_0: 1$/m.test(text)) flags.push("avx2");
  if (/^hw\.optional\.avx512f: 1$/m.test(text)) flags.push("avx512f");
  return { model, flags };
}

/** The number of CPUs in a list of the kernel, e.g. "0-3,8,10-11". */
export function countCpuList(list: string): number {
  return list
    .split(",")
    .filter((part) => part.trim() !== "")
    .map((part) => part.split("-").map(Number))
    .reduce((sum, [first = 0, last = first]) => sum + last - first + 1, 0);
}

/** The number of cores that this process may run on: Cpus_allowed_list of /proc/self/status; null if the line is absent. */
export function parseAffinity(status: string): number | null {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
  return list === undefined ? null : countCpuList(list);
}

export interface UsableCores {
  /** Threads that can run at once without sharing a core; at least 1. */
  usable: number;
  logical: number;
  affinity: number | null;
  quota: number | null;
}

export function usableCores(probe: Pick<Probe, "read" | "logicalCores">): UsableCores {
  const affinity = parseAffinity(probe.read("/proc/self/status") ?? "");
  const quota = cpuQuota((path) => probe.read(path));
  const limit = Math.min(probe.logicalCores, affinity ?? Infinity, quota ?? Infinity);
  return { usable: Math.max(1, Math.floor(limit)), logical: probe.logicalCores, affinity, quota };
}
