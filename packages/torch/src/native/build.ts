/**
 * Builds the addon for the libtorch that is found: a few g++ calls in parallel, each skipped while its inputs are
 * unchanged.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LibtorchNotFoundError } from "../errors.js";
import { c10dFlags, c10dSignature, defaultPlaces, findC10d } from "./c10d.js";
import { findLibtorch, libtorchFingerprint, type Libtorch } from "./find.js";
import { buildFolder, recordPath, type BuildRecord } from "./record.js";

const run = promisify(execFile);
const packageFolder = fileURLToPath(new URL("../../../", import.meta.url));
const sourceFolder = join(packageFolder, "native");

function compilerFlags(libtorch: Libtorch, compiler: string): string[] {
  const [major = 0, minor = 0] = libtorch.version.split(".").map(Number);
  const headers = join(
    dirname(createRequire(import.meta.url).resolve("node-api-headers/package.json")),
    "include",
  );
  return [
    major > 2 || (major === 2 && minor >= 10) ? "-std=c++20" : "-std=c++17",
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    // Without this flag a square root may set errno, and a loop that contains one is not vectorised: with it, Adam's
    // step is three times as fast.
    "-fno-math-errno",
    // libtorch's parallel loops are inline: without OpenMP they run on one thread. It is not passed to the linker, so
    // that the addon uses the runtime that libtorch has loaded, and not a second one with separate threads. With Clang
    // the flag would require another runtime, which may be missing.
    ...(process.platform === "linux" && !compiler.includes("clang") ? ["-fopenmp"] : []),
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-DNAPI_VERSION=8",
    ...(libtorch.cxx11Abi === null ? [] : [`-D_GLIBCXX_USE_CXX11_ABI=${libtorch.cxx11Abi}`]),
    // /usr/include as -isystem would hide libc's headers from libstdc++.
    ...libtorch.includePaths.filter((path) => path !== "/usr/include").flatMap((path) => ["-isystem", path]),
    `-I${headers}`,
  ];
}

function linkFlags(libtorch: Libtorch): string[] {
  const mac = process.platform === "darwin";
  return [
    "-shared",
    // nodelete: a worker that ends unloads its addons while threads of libtorch may still be running their code.
    ...(mac ? ["-undefined", "dynamic_lookup"] : ["-Wl,--no-as-needed", "-Wl,-z,nodelete"]),
    ...libraryFlags(libtorch),
  ];
}

function libraryFlags(libtorch: Libtorch): string[] {
  return [
    `-L${libtorch.libraryPath}`,
    `-Wl,-rpath,${libtorch.libraryPath}`,
    "-ltorch_cpu",
    "-lc10",
    ...(libtorch.cuda ? ["-ltorch_cuda", "-lc10_cuda"] : []),
  ];
}

async function compile(compiler: string, args: string[]): Promise<void> {
  try {
    const { stderr } = await run(compiler, args, { maxBuffer: 1 << 26 });
    if (stderr.trim() !== "") process.stderr.write(stderr);
  } catch (error) {
    const { stderr = "", code } = error as { stderr?: string; code?: number | string };
    if (code === "ENOENT")
      throw new LibtorchNotFoundError(
        [`${compiler}: not installed`],
        "Install a C++17 compiler (Debian: sudo apt-get install g++), or name one in CXX.",
      );
    throw new Error(`${compiler} failed:\n${stderr.slice(0, 8000)}`);
  }
}

/** @returns a line that says what was done */
export async function buildAddon(): Promise<string> {
  const libtorch = findLibtorch();
  const fingerprint = libtorchFingerprint(libtorch);
  const compiler = process.env["CXX"] ?? "g++";
  const flags = compilerFlags(libtorch, compiler);
  const files = readdirSync(sourceFolder).sort();
  const contents = new Map(files.map((file) => [file, readFileSync(join(sourceFolder, file), "utf8")]));
  const digest = (...parts: string[]) =>
    createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 16);
  const headerDigest = digest(
    ...files.filter((f) => f.endsWith(".h")).map((f) => contents.get(f) ?? ""),
    compiler,
    ...flags,
    fingerprint,
  );
  const places = defaultPlaces(libtorch, process.env);
  const signature = c10dSignature(libtorch, places);
  const inputs = digest(
    headerDigest,
    ...files.map((file) => contents.get(file) ?? ""),
    ...linkFlags(libtorch),
    signature,
  );

  const label = `native addon: libtorch ${libtorch.version} (${libtorch.how}, ${libtorch.libraryPath})`;
  if (existsSync(recordPath)) {
    const record = JSON.parse(readFileSync(recordPath, "utf8")) as BuildRecord;
    if (record.inputs === inputs && existsSync(join(buildFolder, record.addon))) {
      removePrecompiled();
      return `${label}: up to date`;
    }
  }

  mkdirSync(buildFolder, { recursive: true });
  const started = performance.now();
  process.stdout.write(`slicestack: ${label}: building …\n`);
  const precompiled = join(buildFolder, `pch-${headerDigest}.h`);
  writeFileSync(precompiled, `#include "${join(sourceFolder, "shims.h")}"\n`);
  const objectOf = (file: string, own: string[]) =>
    join(buildFolder, `${file}-${digest(headerDigest, contents.get(file) ?? "", ...own)}.o`);
  const changed = files.filter((file) => file.endsWith(".cpp") && !existsSync(objectOf(file, [])));
  // Without it, a single file is compiled just as fast.
  if (changed.length > 2) {
    await compile(compiler, [...flags, "-x", "c++-header", precompiled, "-o", `${precompiled}.tmp.gch`]);
    renameSync(`${precompiled}.tmp.gch`, `${precompiled}.gch`);
  }
  const c10d = await findC10d(libtorch, places, digest(headerDigest, signature), {
    folder: buildFolder,
    tryProgram: async (source, output, extra) => {
      writeFileSync(`${output}.cpp`, source);
      const lenient = process.platform === "darwin" ? [] : ["-Wl,--allow-shlib-undefined"];
      const program = [...flags, ...extra, "-include", precompiled, `${output}.cpp`, "-o", output];
      await compile(compiler, [...program, ...libraryFlags(libtorch), ...lenient]);
    },
  });
  const objects: string[] = [];
  const jobs: (() => Promise<void>)[] = [];
  for (const file of files.filter((f) => f.endsWith(".cpp"))) {
    const own = file === "distributed.cpp" ? c10dFlags(c10d.backends, places) : [];
    const object = objectOf(file, own);
    objects.push(object);
    if (existsSync(object)) continue;
    jobs.push(async () => {
      await compile(compiler, [
        ...flags,
        ...own,
        "-include",
        precompiled,
        "-c",
        join(sourceFolder, file),
        "-o",
        `${object}.tmp`,
      ]);
      renameSync(`${object}.tmp`, object);
    });
  }
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await job();
    }),
  );
  removePrecompiled();
  const addon = `slicestack-${inputs}.node`;
  await compile(compiler, [...objects, "-o", join(buildFolder, `${addon}.tmp`), ...linkFlags(libtorch)]);
  renameSync(join(buildFolder, `${addon}.tmp`), join(buildFolder, addon));
  const record: BuildRecord = { inputs, addon, fingerprint, libtorch, c10d };
  writeFileSync(`${recordPath}.tmp`, JSON.stringify(record, null, 2));
  renameSync(`${recordPath}.tmp`, recordPath);
  const several =
    c10d.backends.length > 0
      ? ""
      : `\nslicestack: native addon: no support for several processes: ${c10d.reason}. ${c10d.remedy}`;
  return `${label}: built in ${((performance.now() - started) / 1000).toFixed(0)} s${several}`;
}

/** Removes the precompiled header: 280 MB that no later step reads. */
function removePrecompiled(): void {
  const left = readdirSync(buildFolder).filter((name) => /^pch-\w+\.h\.gch$/.test(name));
  for (const name of left) rmSync(join(buildFolder, name), { force: true });
}

/**
 * Builds the addon and prints a line about it. @returns the exit code: 0, or 5 where libtorch or a compiler is missing
 * (0 if `optional`)
 */
export async function main(optional: boolean): Promise<number> {
  try {
    process.stdout.write(`slicestack: ${await buildAddon()}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`slicestack: ${error instanceof Error ? error.message : String(error)}\n`);
    return optional ? 0 : 5;
  }
}
