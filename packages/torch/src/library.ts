/** Information about the libtorch in use, and its threads. */
import { execFileSync } from "node:child_process";
import { buildRecord, native } from "./native/load.js";

export interface CudaDevice {
  index: number;
  name: string;
  freeBytes: number;
  totalBytes: number;
}
export interface LibtorchInfo {
  version: string;
  /** The folder that contains libtorch_cpu. */
  path: string;
  /** `LIBTORCH`, `python` or `system`. */
  how: string;
  /** The instruction set of its kernels, e.g. AVX2 or AVX512. */
  cpuCapability: string;
  threads: number;
  cudaDevices: CudaDevice[];
  mps: boolean;
}

/** @throws LibtorchNotFoundError, which lists what was tried */
export function libtorchInfo(): LibtorchInfo {
  const { libtorch } = buildRecord();
  return {
    version: native().version(),
    path: libtorch.libraryPath,
    how: libtorch.how,
    cpuCapability: /CPU capability usage: (\S+)/.exec(native().showConfig())?.[1] ?? "unknown",
    threads: native().getNumThreads(),
    cudaDevices: cudaDevices(native().cudaDeviceCount()),
    mps: native().hasMps(),
  };
}

/** Number of CUDA devices that libtorch can use. */
export function cudaDeviceCount(): number {
  return native().cudaDeviceCount();
}
export function hasMps(): boolean {
  return native().hasMps();
}

// libtorch has no portable call for a device's name and memory, so the driver's tool is called.
function cudaDevices(count: number): CudaDevice[] {
  if (count === 0) return [];
  let lines: string[] = [];
  try {
    const query = ["--query-gpu=index,name,memory.free,memory.total", "--format=csv,noheader,nounits"];
    lines = execFileSync("nvidia-smi", query, { encoding: "utf8", timeout: 10_000 }).trim().split("\n");
  } catch {
    lines = [];
  }
  return Array.from({ length: count }, (_, index) => {
    const [, name = "CUDA device", free = "NaN", total = "NaN"] = (lines[index] ?? "")
      .split(",")
      .map((part) => part.trim());
    return { index, name, freeBytes: Number(free) * 2 ** 20, totalBytes: Number(total) * 2 ** 20 };
  });
}

/** Number of threads within an op, for calls from this JavaScript thread. */
export function getNumThreads(): number {
  return native().getNumThreads();
}
export function setNumThreads(threads: number): void {
  // The first question in a thread sets its count to the last one that any thread has set: asked now, not after the setting.
  native().getNumThreads();
  native().setNumThreads(threads);
}
/**
 * Which kernels compute convolutions in bfloat16 on the CPU (2D in channels_last; in 3D the gradient of the weight),
 * for this JavaScript thread. `auto`: on processors with AMX our own kernels where they are faster, libtorch's
 * elsewhere. `libtorch`: always libtorch's. `tiles`: our own wherever they apply, on any processor; slow without AMX,
 * and meant for tests.
 */
export type ConvolutionKernels = "auto" | "libtorch" | "tiles";
/**
 * The initial value is that of the environment variable SLICESTACK_CONVOLUTIONS, or `auto`.
 * @returns the previous value @throws ArgumentError for another name
 */
export function setConvolutionKernels(kernels: ConvolutionKernels): ConvolutionKernels {
  return native().setConvolutionKernels(kernels) as ConvolutionKernels;
}
/**
 * TensorFloat-32 for products and convolutions on CUDA, and cuDNN's choice of kernels by benchmark.
 * libtorch has one switch for the whole process.
 * @throws ArgumentError if another thread holds the other value, see `holdTf32`
 */
export function setTf32(allowed: boolean): void {
  native().setTf32(allowed);
}
/**
 * Like `setTf32`, until this thread calls `releaseTf32` or ends. In the meantime, other threads can hold only the same value.
 * @throws ArgumentError if another thread holds the other value
 */
export function holdTf32(allowed: boolean): void {
  native().holdTf32(allowed);
}
/** Ends the hold of this thread, if any. The last thread that ends its hold restores the settings from before the first. */
export function releaseTf32(): void {
  native().releaseTf32();
}
/** Whether products on CUDA may use TensorFloat-32 at the moment. */
export function isTf32Allowed(): boolean {
  return native().isTf32Allowed();
}
/** Waits until the device has completed all work. */
export function synchronize(device = "cpu"): void {
  native().synchronize(device);
}
