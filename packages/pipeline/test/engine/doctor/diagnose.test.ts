import assert from "node:assert/strict";
import { test } from "node:test";
import { diagnose, diagnosisText } from "../../../src/engine/doctor/diagnose.js";
import { GPU_QUERY, PROCESS_QUERY } from "../../../src/engine/doctor/gpu.js";
import type { LibtorchInfo } from "@slicestack/torch";
import { systemProbe, type Probe } from "../../../src/engine/doctor/probe.js";

const GIB = 2 ** 30;
const TORCH: LibtorchInfo = {
  version: "2.6.0",
  path: "/opt/libtorch",
  how: "LIBTORCH",
  cpuCapability: "AVX512",
  threads: 4,
  cudaDevices: [],
  mps: false,
};
const FILES: Record<string, string> = {
  "/proc/cpuinfo": "model name\t: Test CPU\nflags\t\t: avx2 avx512f amx_bf16\n",
  "/proc/self/status": "Cpus_allowed_list:\t0-3\n",
  "/proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\n",
  "/proc/self/maps": "7f00-7f01 r-xp 0 08:01 1 /usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4.5.9\n",
};

/** A healthy machine of four cores; each test breaks one thing. */
function machine(
  change: Partial<Probe> & { files?: Record<string, string>; torch?: Partial<LibtorchInfo> },
): Probe {
  const { files, torch, ...rest } = change;
  return {
    platform: "linux",
    arch: "x64",
    env: {},
    cwd: "/home/ann/work",
    home: "/home/ann",
    logicalCores: 4,
    totalBytes: 16 * GIB,
    freeBytes: 12 * GIB,
    read: (path) => ({ ...FILES, ...files })[path] ?? null,
    run: () => Promise.resolve({ status: "missing" }),
    diskFree: () => Promise.resolve(100 * GIB),
    libtorch: () => Promise.resolve({ ...TORCH, ...torch }),
    ...rest,
  };
}

async function check(name: string, change: Parameters<typeof machine>[0]) {
  const { checks } = await diagnose(machine(change));
  const found = checks.find((one) => one.name === name);
  assert.ok(found, `${name} is among ${checks.map((one) => one.name).join(", ")}`);
  return found;
}

test("a healthy machine has no warning, and no check without a value", async () => {
  const diagnosis = await diagnose(machine({}));
  assert.deepEqual(
    [diagnosis.status, diagnosis.libtorchFound],
    ["ok", true],
    JSON.stringify(diagnosis.checks),
  );
  for (const { value, remedy } of diagnosis.checks)
    assert.deepEqual([value !== "", remedy], [true, undefined]);
});

test("without libtorch the diagnosis fails, shows what was tried, and checks the rest all the same", async () => {
  const error = new Error("libtorch was not found\ntried LIBTORCH: not set\napt install libtorch-dev");
  const diagnosis = await diagnose(machine({ libtorch: () => Promise.reject(error) }));
  assert.deepEqual([diagnosis.status, diagnosis.libtorchFound], ["fail", false]);
  assert.deepEqual(diagnosis.checks[0], {
    name: "libtorch",
    status: "fail",
    value: "libtorch was not found",
    remedy: "tried LIBTORCH: not set\napt install libtorch-dev",
  });
  assert.ok(diagnosis.checks.length > 6);
});

test("threads: more than the cgroup allows, fewer than the cores, and nonsense each get the right number", async () => {
  const quota = { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "200000 100000\n" };
  const above = await check("threads", { files: quota });
  assert.deepEqual([above.status, above.remedy], ["warn", "export OMP_NUM_THREADS=2"]);
  assert.match(above.value, /more threads than cores/);
  assert.match(
    (await check("cores", { files: quota })).value,
    /^2 usable \(4 logical, affinity 4, cgroup quota 2\)$/,
  );
  assert.match((await check("threads", { env: { OMP_NUM_THREADS: "1" } })).value, /idle/);
  assert.equal((await check("threads", { torch: { threads: 2 } })).status, "ok");
  assert.equal(
    (await check("threads", { env: { OMP_NUM_THREADS: "many" } })).remedy,
    "export OMP_NUM_THREADS=4",
  );
  assert.equal((await check("threads", { env: { OMP_NUM_THREADS: "4,1" } })).status, "ok");
});

test("CPU: missing AVX2, unused AVX-512 and the kind of bfloat16 are reported", async () => {
  const plain = { "/proc/cpuinfo": "model name\t: Old\nflags\t\t: sse\n" };
  assert.equal((await check("CPU", { files: plain })).status, "warn");
  assert.match((await check("bfloat16", { files: plain })).value, /^not native/);
  assert.equal((await check("bfloat16", {})).value, "native (AMX)");
  const unused = await check("kernels", { torch: { cpuCapability: "AVX2" } });
  assert.equal(unused.remedy, "export ATEN_CPU_CAPABILITY=avx512");
  assert.equal((await check("CPU", { files: plain, arch: "arm64" })).status, "ok");
});

test("memory and disk: low is a warning, a full disk a failure", async () => {
  const low = { "/proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 1048576 kB\n" };
  assert.match(
    (await check("memory", { files: low })).value,
    /^1\.0 GiB available of 16\.0 GiB \(no cgroup limit\)$/,
  );
  assert.equal((await check("memory", { files: low })).status, "warn");
  assert.equal((await check("disk (here)", { diskFree: () => Promise.resolve(GIB) })).status, "warn");
  assert.equal((await check("disk (cache)", { diskFree: () => Promise.resolve(0) })).status, "fail");
  const cache = await check("disk (cache)", { env: { XDG_CACHE_HOME: "/big" } });
  assert.match(cache.value, /free at \/big\/slicestack$/);
});

test("allocator: without tcmalloc the remedy says how to preload it", async () => {
  assert.equal((await check("allocator", {})).value, "libtcmalloc_minimal.so.4.5.9");
  assert.match((await check("allocator", { files: { "/proc/self/maps": "" } })).remedy ?? "", /LD_PRELOAD=/);
});

test("GPU: devices with free memory, the users of their processes, a CPU-only libtorch, a broken driver", async () => {
  const outputs: Record<string, string> = {
    [GPU_QUERY[0] ?? ""]: "0, GPU-1f, NVIDIA H100, 81559, 2000, 550.54\n",
    [PROCESS_QUERY[0] ?? ""]: "GPU-1f, 4321, 79872\n",
    "-o": "   4321 alice\n",
  };
  const run: Probe["run"] = (_, args) =>
    Promise.resolve({ status: "ok", stdout: outputs[args[0] ?? ""] ?? "" });
  const device = { index: 0, name: "NVIDIA H100", freeBytes: 2 * GIB, totalBytes: 80 * GIB };
  assert.equal((await check("cuda:0", { torch: { cudaDevices: [device] } })).status, "warn");
  assert.equal((await check("GPU process", { run })).value, "GPU 0: pid 4321 (alice), 78.0 GiB");
  assert.match((await check("CUDA", { run })).remedy ?? "", /^set LIBTORCH/);
  assert.equal(
    (await check("CUDA", { run, env: { CUDA_VISIBLE_DEVICES: "" } })).remedy,
    "unset CUDA_VISIBLE_DEVICES",
  );
  const broken: Probe["run"] = () =>
    Promise.resolve({ status: "failed", message: "driver/library version mismatch" });
  assert.match((await check("NVIDIA driver", { run: broken })).value, /mismatch/);
  assert.match((await check("GPU", {})).value, /^none/);
});

test("the text has a mark for each check, aligned values and the remedy below", async () => {
  const text = diagnosisText(await diagnose(machine({ env: { OMP_NUM_THREADS: "9" } })));
  assert.match(text, /^✓ libtorch {6}2\.6\.0 at \/opt\/libtorch \(LIBTORCH\)$/m);
  assert.match(text, /^! threads {7}OMP_NUM_THREADS=9: .*\n {16}export OMP_NUM_THREADS=4$/m);
  assert.match(text, /\d+ ok, 1 to improve, 0 failed$/);
});

test("this machine: the diagnosis works with the real probe, whatever it finds", async () => {
  const { checks } = await diagnose(systemProbe());
  assert.ok(checks.some(({ name, status }) => name === "memory" && status !== "fail"));
  for (const { name, status, remedy } of checks) assert.equal(remedy === undefined, status === "ok", name);
});
