/**
 * Finds libtorch: first LIBTORCH, then the torch of the active Python, then the system's paths. Nothing is downloaded.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { LibtorchNotFoundError } from "../errors.js";

export interface Libtorch {
  version: string;
  /** The folder that contains libtorch_cpu. */
  libraryPath: string;
  includePaths: string[];
  /** `LIBTORCH`, `python` or `system`. */
  how: string;
  /** Value of _GLIBCXX_USE_CXX11_ABI with which it was built; null where the compiler's default is correct. */
  cxx11Abi: 0 | 1 | null;
  cuda: boolean;
}

export interface SearchPlaces {
  env: Record<string, string | undefined>;
  platform: NodeJS.Platform;
  /** Folders that may contain include/ATen/ATen.h and a library folder. */
  roots: string[];
  /** A program that prints folder, version and ABI of Python's torch, or throws. */
  askPython: () => string;
}

const installHelp = [
  "What to do, one of:",
  "  Debian, Ubuntu:  sudo apt-get install libtorch-dev g++",
  "  macOS:           brew install pytorch",
  "  any system:      pip install 'torch<2.12'   (in the Python that `python3` starts)",
  "  by hand:         unpack libtorch and set LIBTORCH to its folder",
  "Then build the addon: npx slicestack-torch-build   (in the repository: make build)",
].join("\n");

function defaultPlaces(): SearchPlaces {
  const question =
    "import os, torch; print(os.path.dirname(torch.__file__), torch.__version__, int(torch._C._GLIBCXX_USE_CXX11_ABI), sep='\\n')";
  return {
    env: process.env,
    platform: process.platform,
    roots: ["/usr", "/usr/local", "/opt/homebrew/opt/pytorch", "/usr/local/opt/pytorch", "/opt/libtorch"],
    askPython: () =>
      execFileSync("python3", ["-c", question], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
        timeout: 60_000,
      }),
  };
}

/** @throws LibtorchNotFoundError with every location that was tried */
export function findLibtorch(places: SearchPlaces = defaultPlaces()): Libtorch {
  const tried: string[] = [];
  const fromEnv = places.env["LIBTORCH"];
  if (fromEnv !== undefined && fromEnv !== "") {
    const inspected = inspectRoot(fromEnv, "LIBTORCH", places.platform);
    if (typeof inspected !== "string") return inspected;
    // A path given by the user is binding: a silent fallback would hide a typo.
    throw new LibtorchNotFoundError([`LIBTORCH=${fromEnv}: ${inspected}`], installHelp);
  }
  tried.push("LIBTORCH: not set");
  try {
    const [folder = "", , abi = "1"] = places.askPython().trim().split("\n");
    const inspected = inspectRoot(folder, "python", places.platform);
    if (typeof inspected !== "string") return { ...inspected, cxx11Abi: abi === "0" ? 0 : 1 };
    tried.push(`torch of python3, ${folder}: ${inspected}`);
  } catch {
    tried.push("python3 -c 'import torch': no torch in the active Python");
  }
  for (const root of places.roots) {
    const inspected = inspectRoot(root, "system", places.platform);
    if (typeof inspected !== "string") return inspected;
    tried.push(`${root}: ${inspected}`);
  }
  throw new LibtorchNotFoundError(tried, installHelp);
}

/** The libtorch below a root folder, or a description of what is missing. */
function inspectRoot(root: string, how: string, platform: NodeJS.Platform): Libtorch | string {
  const include = join(root, "include");
  if (!existsSync(join(include, "ATen", "ATen.h"))) return "no include/ATen/ATen.h";
  const name = platform === "darwin" ? "libtorch_cpu.dylib" : "libtorch_cpu.so";
  const folders = ["lib", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib64"].map((folder) =>
    join(root, folder),
  );
  const libraryPath = folders.find((folder) => existsSync(join(folder, name)));
  if (libraryPath === undefined) return `headers, but no ${name} in ${folders.join(", ")}`;
  const api = join(include, "torch/csrc/api/include");
  // Since 2.10, torch/version.h only includes the other file.
  const version =
    readVersion(join(api, "torch/version.h")) ?? readVersion(join(include, "torch/headeronly/version.h"));
  if (version === null) return "headers, but no torch/version.h with a version";
  const cuda = existsSync(join(libraryPath, "libtorch_cuda.so"));
  return { version, libraryPath, includePaths: [include, api], how, cxx11Abi: null, cuda };
}

function readVersion(path: string): string | null {
  if (!existsSync(path)) return null;
  const text = readFileSync(path, "utf8");
  const part = (key: string) => new RegExp(`#define TORCH_VERSION_${key} (\\d+)`).exec(text)?.[1];
  const numbers = [part("MAJOR"), part("MINOR"), part("PATCH")];
  return numbers.some((n) => n === undefined) ? null : numbers.join(".");
}

/** A text that changes when the library on disk changes: path, version, size, time. */
export function libtorchFingerprint(
  libtorch: Libtorch,
  platform: NodeJS.Platform = process.platform,
): string {
  const file = join(libtorch.libraryPath, platform === "darwin" ? "libtorch_cpu.dylib" : "libtorch_cpu.so");
  if (!existsSync(file)) return `${file} does not exist`;
  const { size, mtimeMs } = statSync(file);
  return `${file} ${libtorch.version} ${size} ${Math.round(mtimeMs)}`;
}
