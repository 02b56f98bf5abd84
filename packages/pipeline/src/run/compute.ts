/** Decides device, threads and precision of a run. Called in the worker thread that computes. */
import {
  cudaDeviceCount,
  hasMps,
  libtorchInfo,
  manualSeed,
  setNumThreads,
  type MemoryFormat,
} from "@slicestack/torch";
import { ConfigError } from "../config/errors.js";
import type { RunConfig } from "../config/types.js";
import { parseCpuinfo, usableCores } from "../engine/doctor/cpu.js";
import { systemProbe } from "../engine/doctor/probe.js";
import { holdSessionTf32 } from "../engine/session-tf32.js";

export interface ComputePlan {
  device: string;
  bfloat16: boolean;
  threads: number;
}

/** Resolves the `auto` values of the configuration. @throws ConfigError if it names a device that this machine does not have */
export function planCompute(config: Pick<RunConfig, "device" | "threads" | "precision">): ComputePlan {
  const probe = systemProbe();
  const device = config.device === "auto" ? bestDevice() : config.device;
  checkDevice(device);
  // More threads than cores would only wait for each other.
  const threads = Math.min(config.threads === "auto" ? Infinity : config.threads, usableCores(probe).usable);
  return {
    device,
    threads,
    bfloat16: config.precision === "auto" ? hasFastBfloat16(device, probe) : config.precision === "bfloat16",
  };
}

/** @throws ConfigError if this machine or its libtorch does not have the device */
export function checkDevice(device: string): void {
  const gpus = cudaDeviceCount();
  const devices = [
    "cpu",
    ...(hasMps() ? ["mps"] : []),
    ...Array.from({ length: gpus }, (_, k) => `cuda:${k}`),
  ];
  if (devices.includes(device)) return;
  const { version } = libtorchInfo();
  const remedy = `set device to one of them, or to auto; slicestack doctor reports why a GPU is not found`;
  const message = `device: expected a device of libtorch ${version} on this machine (${devices.join(", ")}), received ${device}; ${remedy}`;
  throw new ConfigError([{ key: "device", message }]);
}

/** The memory layout of a model that trains on slices or on volumes: channels last is fastest in bfloat16. */
export function layoutOf(
  { bfloat16 }: Pick<ComputePlan, "bfloat16">,
  input: "slices" | "volumes",
): { memoryFormat?: MemoryFormat } {
  if (!bfloat16) return {};
  return { memoryFormat: input === "slices" ? "channels_last" : "channels_last_3d" };
}

/** Applies the plan to this thread. @throws ArgumentError if a job of another session holds the other setting of TF32 */
export function startCompute(plan: ComputePlan, seed: number): void {
  setNumThreads(plan.threads);
  if (plan.device.startsWith("cuda")) holdSessionTf32();
  manualSeed(seed);
}

function bestDevice(): string {
  if (cudaDeviceCount() > 0) return "cuda:0";
  return hasMps() ? "mps" : "cpu";
}

function hasFastBfloat16(device: string, probe: { read(path: string): string | null }): boolean {
  if (device.startsWith("cuda")) return true;
  if (device !== "cpu") return false;
  const { flags } = parseCpuinfo(probe.read("/proc/cpuinfo") ?? "");
  return flags.some((flag) => flag === "amx_bf16" || flag === "avx512_bf16");
}

/** What is needed to reproduce the run, for the report. */
export function describeEnvironment(plan: ComputePlan): Record<string, string> {
  const { version, cpuCapability } = libtorchInfo();
  const cpu = parseCpuinfo(systemProbe().read("/proc/cpuinfo") ?? "").model;
  return {
    libtorch: `${version} (${cpuCapability})`,
    node: process.version,
    system: `${process.platform} ${process.arch}`,
    cpu: cpu === "" ? "unknown" : cpu,
    device: plan.device,
    precision: plan.bfloat16 ? "bfloat16 autocast" : "float32",
    threads: String(plan.threads),
  };
}
