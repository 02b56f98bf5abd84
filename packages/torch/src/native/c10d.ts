/**
 * Which of c10d's backends can be built for this libtorch: checks for the headers first, then tries compiler and
 * linker.
 */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Libtorch } from "./find.js";

export type Backend = "gloo" | "nccl";

/** The result of the check, kept in the build record. */
export interface C10d {
  backends: Backend[];
  /** What is missing and what to do about it; both are empty where there is a backend. */
  reason: string;
  remedy: string;
}

export interface C10dPlaces {
  /** Folders that may contain the headers of gloo and NCCL, in addition to those of libtorch. */
  folders: string[];
}

const header = "torch/csrc/distributed/c10d/ProcessGroupGloo.hpp";
const rebuild = "then build the addon again: npx slicestack-torch-build   (in the repository: make build)";
const glooRemedy = `Debian, Ubuntu: sudo apt-get install libgloo-dev; elsewhere name the folder of gloo's headers in CPATH; ${rebuild}`;

export function defaultPlaces(libtorch: Libtorch, env: Record<string, string | undefined>): C10dPlaces {
  const cuda = env["CUDA_HOME"] ?? "/usr/local/cuda";
  // pip installs the headers with which its torch was built in neighbouring packages.
  const beside = join(dirname(dirname(libtorch.libraryPath)), "nvidia");
  const pip = ["nccl", "cuda_runtime", "cublas", "cusparse", "cusolver"].map((name) =>
    join(beside, name, "include"),
  );
  const named = (env["CPATH"] ?? "").split(":").filter((folder) => folder !== "");
  return { folders: [...named, "/usr/include", "/usr/local/include", join(cuda, "include"), ...pip] };
}

function locate(file: string, folders: readonly string[]): string | undefined {
  return folders.find((folder) => existsSync(join(folder, file)));
}

/** A text that changes when one of the relevant headers is added, removed or changed. */
export function c10dSignature(libtorch: Libtorch, { folders }: C10dPlaces): string {
  const all = [...libtorch.includePaths, ...folders];
  return [header, "gloo/algorithm.h", "nccl.h", "cuda_runtime_api.h"]
    .map((file) => {
      const folder = locate(file, all);
      if (folder === undefined) return `no ${file}`;
      const { size, mtimeMs } = statSync(join(folder, file));
      return `${folder}/${file} ${size} ${Math.round(mtimeMs)}`;
    })
    .join("\n");
}

// Headers that ProcessGroupNCCL.hpp includes through ATen's CUDA headers.
const cudaHeaders = ["nccl.h", "cuda_runtime_api.h", "cublas_v2.h", "cusparse.h", "cusolverDn.h"];

/** Flags that are only used for distributed.cpp. */
export function c10dFlags(backends: readonly Backend[], { folders }: C10dPlaces): string[] {
  const include = (...files: string[]) => {
    const found = new Set(files.map((file) => locate(file, folders)));
    // /usr/include as -isystem would hide libc's headers from libstdc++.
    return [...found].flatMap((path) =>
      path === undefined || path === "/usr/include" ? [] : ["-isystem", path],
    );
  };
  return [
    ...(backends.includes("gloo") ? ["-DUSE_C10D_GLOO", ...include("gloo/algorithm.h")] : []),
    ...(backends.includes("nccl") ? ["-DUSE_C10D_NCCL", ...include(...cudaHeaders)] : []),
  ];
}

const programs: Record<Backend, string> = {
  gloo: `
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
int main() {
  auto store = c10::make_intrusive<c10d::HashStore>();
  auto options = c10d::ProcessGroupGloo::Options::create();
  options->devices = {c10d::ProcessGroupGloo::createDeviceForHostname("localhost")};
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, 0, 1, options)->getSize();
}
`,
  nccl: `
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
int main() {
  auto store = c10::make_intrusive<c10d::HashStore>();
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, 0, 1, c10d::ProcessGroupNCCL::Options::create())->getSize();
}
`,
};

export interface Toolchain {
  /** Compiles and links a whole program. @throws Error with the compiler's output */
  tryProgram: (source: string, output: string, flags: string[]) => Promise<void>;
  folder: string;
}

/** @param key names the cached answer in the build folder, because the check takes a few seconds */
export async function findC10d(
  libtorch: Libtorch,
  places: C10dPlaces,
  key: string,
  tools: Toolchain,
): Promise<C10d> {
  const kept = join(tools.folder, `c10d-${key}.json`);
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, "utf8")) as C10d;
  const found = await ask(libtorch, places, tools);
  writeFileSync(kept, JSON.stringify(found, null, 2));
  return found;
}

async function ask(libtorch: Libtorch, places: C10dPlaces, tools: Toolchain): Promise<C10d> {
  const missing = (reason: string, remedy: string): C10d => ({ backends: [], reason, remedy });
  const all = [...libtorch.includePaths, ...places.folders];
  if (locate(header, libtorch.includePaths) === undefined)
    return missing(
      `libtorch ${libtorch.version} has no headers of c10d (${header})`,
      `Use another libtorch, ${rebuild}`,
    );
  if (locate("gloo/algorithm.h", all) === undefined)
    return missing("gloo's headers are not installed (gloo/algorithm.h)", glooRemedy);
  const refused = await refusal("gloo", places, tools);
  if (refused !== undefined)
    return missing(
      `gloo's headers do not match libtorch ${libtorch.version}: ${refused}`,
      `Install the gloo that this libtorch was built with, ${rebuild}`,
    );
  const wantsNccl =
    libtorch.cuda && locate("nccl.h", all) !== undefined && locate("cuda_runtime_api.h", all) !== undefined;
  const nccl = wantsNccl && (await refusal("nccl", places, tools)) === undefined;
  return { backends: nccl ? ["gloo", "nccl"] : ["gloo"], reason: "", remedy: "" };
}

/** Why a program with this backend cannot be built: the first error of the compiler. */
async function refusal(backend: Backend, places: C10dPlaces, tools: Toolchain): Promise<string | undefined> {
  try {
    const backends: Backend[] = backend === "gloo" ? ["gloo"] : ["gloo", backend];
    await tools.tryProgram(
      programs[backend],
      join(tools.folder, `c10d-${backend}`),
      c10dFlags(backends, places),
    );
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return text.split("\n").find((line) => /error|undefined/i.test(line)) ?? text.slice(0, 200);
  }
}
