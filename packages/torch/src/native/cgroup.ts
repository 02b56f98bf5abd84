/**
 * Limits that a container or a batch system sets, from Linux control groups, version 1 and 2.
 * Kernel documentation: admin-guide/cgroup-v2 (cpu.max, memory.max) and scheduler/sched-bwc (cpu.cfs_quota_us).
 */
import { readFileSync } from "node:fs";
import { freemem } from "node:os";

/** The content of a text file, or null where it cannot be read. */
export type Read = (path: string) => string | null;

const MOUNT = "/sys/fs/cgroup";
// Version 1 expresses "no limit" as the largest page-aligned number.
const UNLIMITED_BYTES = 2 ** 60;

export interface CgroupEntry {
  /** Controllers of a version 1 hierarchy; empty for version 2. */
  controllers: string[];
  path: string;
}

/** Parses the lines of /proc/self/cgroup: "hierarchy:controllers:path". */
export function parseCgroups(text: string): CgroupEntry[] {
  return text
    .split("\n")
    .map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, controllers = "", path = "/"]) => ({
      controllers: controllers.split(",").filter(Boolean),
      path,
    }));
}

/** Number of cores that the CPU quota allows (possibly a fraction), or null without a quota. */
export function cpuQuota(read: Read): number | null {
  const quotas = directories(read, "cpu").map(({ directory, version }) =>
    version === 2
      ? parseCpuMax(read(`${directory}/cpu.max`))
      : parseCfsQuota(read(`${directory}/cpu.cfs_quota_us`), read(`${directory}/cpu.cfs_period_us`)),
  );
  return smallest(quotas);
}

/** cpu.max: "QUOTA PERIOD" in microseconds, or "max PERIOD". */
export function parseCpuMax(text: string | null): number | null {
  const [quota, period] = (text ?? "").trim().split(/\s+/).map(Number);
  return quota && period && quota > 0 && period > 0 ? quota / period : null;
}

/** cpu.cfs_quota_us and cpu.cfs_period_us; a quota of -1 means no quota. */
export function parseCfsQuota(quotaText: string | null, periodText: string | null): number | null {
  const [quota, period] = [Number(quotaText ?? "-1"), Number(periodText ?? "0")];
  return quota > 0 && period > 0 ? quota / period : null;
}

/** The tightest memory limit and what is still free below it, in bytes; null without a limit. */
export function memoryLimit(read: Read): { limit: number; available: number } | null {
  const levels = directories(read, "memory").map(({ directory, version }) => {
    const limit = parseBytes(read(`${directory}/${version === 2 ? "memory.max" : "memory.limit_in_bytes"}`));
    if (limit === null) return null;
    const used =
      parseBytes(read(`${directory}/${version === 2 ? "memory.current" : "memory.usage_in_bytes"}`)) ?? 0;
    const cached = cachedBytes(read(`${directory}/memory.stat`) ?? "");
    return { limit, available: Math.max(0, Math.min(limit, limit - used + cached)) };
  });
  const limits = levels.filter((level) => level !== null);
  return limits.reduce<(typeof limits)[number] | null>(
    (a, b) => (a && a.available <= b.available ? a : b),
    null,
  );
}

/**
 * Cached file pages count as used, but are released when memory is needed. Where a data set is larger than the limit,
 * most of them were read twice (active); these are released, too.
 */
function cachedBytes(stat: string): number {
  // Version 1 reports the group alone, and with "total_" also all groups below it, like the usage.
  const field = (name: string) => new RegExp(`^${name} (\\d+)$`, "m").exec(stat)?.[1];
  return ["active_file", "inactive_file"].reduce(
    (sum, name) => sum + Number(field(`total_${name}`) ?? field(name) ?? 0),
    0,
  );
}

/**
 * Bytes that this process may still allocate: the free memory of the machine, or less where a control group limits it.
 */
export function availableMemory(read: Read, freeBytes = freemem()): number {
  const free = parseMeminfo(read("/proc/meminfo") ?? "").available ?? freeBytes;
  return Math.min(free, memoryLimit(read)?.available ?? Infinity);
}

/** MemTotal and MemAvailable of /proc/meminfo in bytes. */
export function parseMeminfo(text: string): { total: number | null; available: number | null } {
  const field = (name: string): number | null => {
    const kibibytes = new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(text)?.[1];
    return kibibytes === undefined ? null : Number(kibibytes) * 1024;
  };
  return { total: field("MemTotal"), available: field("MemAvailable") };
}

export function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function parseBytes(text: string | null): number | null {
  const value = Number((text ?? "max").trim());
  return Number.isFinite(value) && value < UNLIMITED_BYTES ? value : null;
}

/** The folders of this process's group and of all groups above it: each may set a limit. */
function directories(read: Read, controller: "cpu" | "memory"): { directory: string; version: 1 | 2 }[] {
  return parseCgroups(read("/proc/self/cgroup") ?? "").flatMap(({ controllers, path }) => {
    const version = controllers.length === 0 ? 2 : 1;
    if (version === 1 && !controllers.includes(controller)) return [];
    const mounts =
      version === 2
        ? [MOUNT, `${MOUNT}/unified`]
        : [`${MOUNT}/${controllers.join(",")}`, `${MOUNT}/${controller}`];
    return [...new Set(mounts)].flatMap((mount) =>
      ancestors(path).map((group) => ({ directory: mount + group, version })),
    );
  });
}

/** "/a/b" → "/a/b", "/a", "". */
function ancestors(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== "..");
  return Array.from({ length: parts.length + 1 }, (_, dropped) =>
    parts
      .slice(0, parts.length - dropped)
      .map((part) => `/${part}`)
      .join(""),
  );
}

function smallest(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? Math.min(...known) : null;
}
