import { availableMemory, memoryLimit, parseMeminfo } from "@slicestack/torch/limits";
import { parseCpuinfo, parseSysctl, usableCores, type CpuInfo } from "./cpu.js";
import { readNvidia } from "./gpu.js";
import type { LibtorchInfo } from "@slicestack/torch";
import type { Probe } from "./probe.js";
import { cacheDirectory } from "../cache-location.js";

/** One finding of the doctor. */
export interface Check {
  name: string;
  status: "ok" | "warn" | "fail";
  value: string;
  /** What to do about it; present where the status is not "ok". */
  remedy?: string;
}

const GIB = 2 ** 30;
const MEMORY_WARN = 4 * GIB;
const DISK_WARN = 5 * GIB;
const DISK_FAIL = GIB / 2;

const ok = (name: string, value: string): Check => ({ name, status: "ok", value });
const warn = (name: string, value: string, remedy: string): Check => ({
  name,
  status: "warn",
  value,
  remedy,
});
const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`;

export async function libtorchCheck(probe: Probe): Promise<{ check: Check; info: LibtorchInfo | null }> {
  try {
    const info = await probe.libtorch();
    return { check: ok("libtorch", `${info.version} at ${info.path} (${info.how})`), info };
  } catch (error) {
    const [first = "", ...rest] = (error instanceof Error ? error.message : String(error)).split("\n");
    const hint =
      rest.join("\n").trim() ||
      "apt install libtorch-dev, or set LIBTORCH to a libtorch folder; then run make build";
    return { check: { name: "libtorch", status: "fail", value: first, remedy: hint }, info: null };
  }
}

export async function cpuCheck(probe: Probe, libtorch: LibtorchInfo | null): Promise<Check[]> {
  const cpu = await readCpu(probe);
  const arm = probe.arch === "arm64";
  const value = `${cpu.model}; ${cpu.flags.join(" ") || (arm ? "NEON" : "no avx2")}`;
  const slow = !arm && !cpu.flags.includes("avx2");
  const checks = [
    slow
      ? warn("CPU", value, "expect training to be several times slower: use a machine with AVX2")
      : ok("CPU", value),
    ok("bfloat16", bfloat16(cpu)),
  ];
  if (!libtorch) return checks;
  const unused = cpu.flags.includes("avx512f") && libtorch.cpuCapability === "AVX2";
  const kernels = `libtorch uses its ${libtorch.cpuCapability} kernels`;
  checks.push(
    unused ? warn("kernels", kernels, "export ATEN_CPU_CAPABILITY=avx512") : ok("kernels", kernels),
  );
  return checks;
}

async function readCpu(probe: Probe): Promise<CpuInfo> {
  if (probe.platform !== "darwin") return parseCpuinfo(probe.read("/proc/cpuinfo") ?? "");
  const sysctl = await probe.run("sysctl", ["machdep.cpu.brand_string", "hw.optional"]);
  return parseSysctl(sysctl.status === "ok" ? sysctl.stdout : "");
}

function bfloat16({ flags }: CpuInfo): string {
  if (flags.includes("amx_bf16")) return "native (AMX)";
  return flags.includes("avx512_bf16") ? "native (AVX-512)" : "not native: float32 is used on the CPU";
}

export function threadChecks(probe: Probe, libtorch: LibtorchInfo | null): Check[] {
  const { usable, logical, affinity, quota } = usableCores(probe);
  const limits = [
    `${logical} logical`,
    affinity === null ? "" : `affinity ${affinity}`,
    quota === null ? "no cgroup quota" : `cgroup quota ${Number(quota.toFixed(2))}`,
  ].filter(Boolean);
  const cores = ok("cores", `${usable} usable (${limits.join(", ")})`);
  const asked = probe.env["OMP_NUM_THREADS"];
  // OMP_NUM_THREADS may be a list with one number for each nesting level.
  const threads = asked === undefined ? (libtorch?.threads ?? usable) : Number(asked.split(",")[0]);
  const value = asked === undefined ? `libtorch starts with ${threads}` : `OMP_NUM_THREADS=${asked}`;
  // Starting with fewer threads does no harm: a run sets the number from `threads` of its configuration.
  if (threads === usable || (asked === undefined && threads < usable)) return [cores, ok("threads", value)];
  const remedy = `export OMP_NUM_THREADS=${usable}`;
  if (!(threads >= 1)) return [cores, warn("threads", `${value}: not a number`, remedy)];
  const what =
    threads > usable ? "more threads than cores, which then wait for each other" : "cores stay idle";
  return [cores, warn("threads", `${value}: ${what}`, remedy)];
}

export function memoryCheck(probe: Probe): Check {
  const read = (path: string) => probe.read(path);
  const total = parseMeminfo(read("/proc/meminfo") ?? "").total ?? probe.totalBytes;
  const cgroup = memoryLimit(read);
  const available = availableMemory(read, probe.freeBytes);
  const limit = cgroup ? `cgroup limit ${gib(cgroup.limit)}` : "no cgroup limit";
  const value = `${gib(available)} available of ${gib(total)} (${limit})`;
  if (available >= MEMORY_WARN) return ok("memory", value);
  return warn(
    "memory",
    value,
    "close other programs or raise the limit; otherwise lower slice.batch_size and slice.size",
  );
}

export async function diskChecks(probe: Probe): Promise<Check[]> {
  const places = [
    { name: "disk (here)", path: probe.cwd },
    { name: "disk (cache)", path: cacheDirectory(probe.env, probe.home) },
  ];
  return Promise.all(
    places.map(async ({ name, path }) => {
      const free = await probe.diskFree(path);
      const value = free === null ? `unknown at ${path}` : `${gib(free)} free at ${path}`;
      if (free === null || free >= DISK_WARN) return ok(name, value);
      const remedy = "free some space: a prepared data set takes about 2 MB a volume, a run about 300 MB";
      return { name, status: free < DISK_FAIL ? "fail" : "warn", value, remedy };
    }),
  );
}

export function allocatorCheck(probe: Probe): Check[] {
  if (probe.platform !== "linux") return [];
  const loaded = /\/(lib(?:tcmalloc|jemalloc)[^/\s]*)/.exec(probe.read("/proc/self/maps") ?? "")?.[1];
  if (loaded) return [ok("allocator", loaded)];
  const remedy =
    "apt install libtcmalloc-minimal4, then export LD_PRELOAD=libtcmalloc_minimal.so.4 (faster CPU training)";
  return [warn("allocator", "tcmalloc is not preloaded", remedy)];
}

export async function gpuChecks(probe: Probe, libtorch: LibtorchInfo | null): Promise<Check[]> {
  const nvidia = await readNvidia(probe);
  const checks = (libtorch?.cudaDevices ?? []).map(({ index, name, freeBytes, totalBytes }) => {
    const value = `${name}, ${gib(freeBytes)} free of ${gib(totalBytes)}`;
    if (freeBytes >= totalBytes / 2) return ok(`cuda:${index}`, value);
    return warn(
      `cuda:${index}`,
      value,
      "other processes use most of its memory: choose another GPU with --device cuda:N, or wait",
    );
  });
  if (libtorch?.mps) checks.push(ok("mps", "Apple GPU"));
  if (nvidia.state === "broken")
    checks.push(warn("NVIDIA driver", nvidia.message, "nvidia-smi fails: reload or reinstall the driver"));
  if (nvidia.state === "ok") {
    const names = nvidia.gpus.map(({ name }) => name).join(", ");
    if (libtorch && libtorch.cudaDevices.length === 0 && nvidia.gpus.length > 0)
      checks.push(
        warn(
          "CUDA",
          `${names}, not used: this libtorch is for CPUs only, or the GPU is hidden from it`,
          cudaRemedy(probe),
        ),
      );
    const index = new Map(nvidia.gpus.map((gpu) => [gpu.uuid, gpu.index]));
    for (const { gpu, pid, bytes, user } of nvidia.processes)
      checks.push(
        ok(
          "GPU process",
          `GPU ${index.get(gpu) ?? "?"}: pid ${pid} (${user}), ${bytes === null ? "memory unknown" : gib(bytes)}`,
        ),
      );
  }
  return checks.length > 0 ? checks : [ok("GPU", "none: training runs on the CPU")];
}

function cudaRemedy(probe: Probe): string {
  const hidden = probe.env["CUDA_VISIBLE_DEVICES"];
  if (hidden === "" || hidden === "-1") return "unset CUDA_VISIBLE_DEVICES";
  return "set LIBTORCH to a libtorch built with CUDA, e.g. that of a pip-installed torch, then run make build";
}
