import assert from "node:assert/strict";
import { test } from "node:test";
import {
  availableMemory,
  cpuQuota,
  memoryLimit,
  parseCfsQuota,
  parseCgroups,
  parseCpuMax,
  parseMeminfo,
} from "@slicestack/torch/limits";
import {
  countCpuList,
  parseAffinity,
  parseCpuinfo,
  parseSysctl,
  usableCores,
} from "../../../src/engine/doctor/cpu.js";
import { parseGpuProcesses, parseGpus, parseUsers } from "../../../src/engine/doctor/gpu.js";

const files =
  (contents: Record<string, string>) =>
  (path: string): string | null =>
    contents[path] ?? null;

const GIB = 2 ** 30;
const V1_GROUPS = "9:name=systemd:/\n4:memory:/docker/ab12\n2:cpu,cpuacct:/docker/ab12\n0::/\n";

test("cgroup lists: version 1 names controllers, version 2 has none (cgroups(7))", () => {
  assert.deepEqual(parseCgroups("4:cpu,cpuacct:/a b\n0::/user.slice/x:y\n"), [
    { controllers: ["cpu", "cpuacct"], path: "/a b" },
    { controllers: [], path: "/user.slice/x:y" },
  ]);
});

test("cpu.max and cfs quotas in microseconds become cores (kernel documentation, cgroup-v2 and sched-bwc)", () => {
  assert.equal(parseCpuMax("150000 100000\n"), 1.5);
  assert.equal(parseCpuMax("max 100000\n"), null);
  assert.equal(parseCpuMax(null), null);
  assert.equal(parseCfsQuota("400000\n", "100000\n"), 4);
  assert.equal(parseCfsQuota("-1\n", "100000\n"), null);
  assert.equal(parseCfsQuota(null, null), null);
});

test("cgroup v2: the tightest quota of the group and those above it counts", () => {
  const read = files({
    "/proc/self/cgroup": "0::/system.slice/job.service\n",
    "/sys/fs/cgroup/system.slice/job.service/cpu.max": "max 100000\n",
    "/sys/fs/cgroup/system.slice/cpu.max": "250000 100000\n",
  });
  assert.equal(cpuQuota(read), 2.5);
});

test("cgroup v1: joined controllers are found under their mount, in a container at its root", () => {
  const group = { "/proc/self/cgroup": V1_GROUPS };
  const quota = "cpu.cfs_quota_us";
  const inGroup = files({
    ...group,
    [`/sys/fs/cgroup/cpu,cpuacct/docker/ab12/${quota}`]: "200000",
    "/sys/fs/cgroup/cpu,cpuacct/docker/ab12/cpu.cfs_period_us": "100000",
  });
  assert.equal(cpuQuota(inGroup), 2);
  const atRoot = files({
    ...group,
    [`/sys/fs/cgroup/cpu/${quota}`]: "300000",
    "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
  });
  assert.equal(cpuQuota(atRoot), 3);
  assert.equal(cpuQuota(files({})), null);
});

test("memory limits: v2 'max' and v1's largest number mean no limit; cached file pages count as available, read once or often, of groups below too", () => {
  const v2 = files({
    "/proc/self/cgroup": "0::/job\n",
    "/sys/fs/cgroup/job/memory.max": `${4 * GIB}\n`,
    "/sys/fs/cgroup/job/memory.current": `${3 * GIB}\n`,
    "/sys/fs/cgroup/job/memory.stat": `anon 5\nfile ${GIB + 4096}\nactive_file ${GIB - 4096}\ninactive_file 4096\n`,
    "/sys/fs/cgroup/memory.max": "max\n",
  });
  assert.deepEqual(memoryLimit(v2), { limit: 4 * GIB, available: 2 * GIB });
  assert.equal(availableMemory(v2, 8 * GIB), 2 * GIB);
  assert.equal(availableMemory(v2, GIB), GIB);
  const v1 = (limit: string) =>
    files({
      "/proc/self/cgroup": V1_GROUPS,
      "/sys/fs/cgroup/memory/docker/ab12/memory.limit_in_bytes": limit,
      "/sys/fs/cgroup/memory/docker/ab12/memory.usage_in_bytes": `${GIB}\n`,
      "/sys/fs/cgroup/memory/docker/ab12/memory.stat":
        "inactive_file 7\nactive_file 5\ntotal_inactive_file 70\ntotal_active_file 50\n",
    });
  assert.equal(memoryLimit(v1("9223372036854771712\n")), null);
  assert.deepEqual(memoryLimit(v1(`${2 * GIB}\n`)), { limit: 2 * GIB, available: GIB + 120 });
});

test("usable cores are the least of affinity, quota and logical cores, at least 1", () => {
  const read = files({
    "/proc/self/status": "Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t0-5,8\n",
    "/proc/self/cgroup": "0::/\n",
    "/sys/fs/cgroup/cpu.max": "50000 100000\n",
  });
  assert.deepEqual(usableCores({ read, logicalCores: 8 }), {
    usable: 1,
    logical: 8,
    affinity: 7,
    quota: 0.5,
  });
  const free = { read: files({}), logicalCores: 8 };
  assert.deepEqual(usableCores(free), { usable: 8, logical: 8, affinity: null, quota: null });
  assert.equal(countCpuList("0-3,8,10-11"), 7);
  assert.equal(parseAffinity("Name: x\n"), null);
});

test("cpuinfo: the flags that decide speed, on Intel, AMD and ARM", () => {
  const intel =
    "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Platinum 8481C\nflags\t\t: fpu avx avx2 avx512f avx512_bf16 amx_bf16 amx_tile\n\nprocessor\t: 1\n";
  assert.deepEqual(parseCpuinfo(intel), {
    model: "Intel(R) Xeon(R) Platinum 8481C",
    flags: ["avx2", "avx512f", "avx512_bf16", "amx_bf16"],
  });
  assert.deepEqual(parseCpuinfo("model name\t: AMD EPYC\nflags\t\t: avx avx2 avx2x\n").flags, ["avx2"]);
  assert.deepEqual(parseCpuinfo("processor\t: 0\nFeatures\t: fp asimd\n"), { model: "unknown", flags: [] });
});

test("sysctl of macOS: brand and AVX2", () => {
  const text =
    "machdep.cpu.brand_string: Intel(R) Core(TM) i9\nhw.optional.avx2_0: 1\nhw.optional.avx512f: 0\n";
  assert.deepEqual(parseSysctl(text), { model: "Intel(R) Core(TM) i9", flags: ["avx2"] });
  assert.deepEqual(parseSysctl("machdep.cpu.brand_string: Apple M2\n"), { model: "Apple M2", flags: [] });
});

test("meminfo in bytes", () => {
  const text = "MemTotal:       24682416 kB\nMemFree:        1 kB\nMemAvailable:   24236712 kB\n";
  assert.deepEqual(parseMeminfo(text), { total: 24682416 * 1024, available: 24236712 * 1024 });
  assert.deepEqual(parseMeminfo(""), { total: null, available: null });
});

test("nvidia-smi: GPUs and processes, with the [N/A] that containers print; ps: users", () => {
  const gpus =
    "0, GPU-1f, NVIDIA H100 80GB HBM3, 81559, 70000, 550.54.15\n1, GPU-2f, NVIDIA A2, [N/A], [N/A], 550.54.15\n";
  assert.deepEqual(
    parseGpus(gpus).map(({ index, uuid, freeBytes }) => [index, uuid, freeBytes]),
    [
      [0, "GPU-1f", 70000 * 2 ** 20],
      [1, "GPU-2f", null],
    ],
  );
  assert.deepEqual(parseGpuProcesses("GPU-1f, 4321, 9216\nGPU-1f, 77, [N/A]\nNo running processes found\n"), [
    { gpu: "GPU-1f", pid: 4321, bytes: 9 * GIB },
    { gpu: "GPU-1f", pid: 77, bytes: null },
  ]);
  assert.deepEqual(
    [...parseUsers("   4321 alice\n     77 root\n")],
    [
      [4321, "alice"],
      [77, "root"],
    ],
  );
});
