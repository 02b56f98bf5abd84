/** Loads the addon once per environment; on failure, says what was tried and what to do. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { totalmem } from "node:os";
import { join } from "node:path";
import {
  ArgumentError,
  DistributedError,
  LibtorchNotFoundError,
  MappedFileError,
  OutOfMemoryError,
  TensorDisposedError,
  TorchError,
} from "../errors.js";
import type { Addon } from "./addon.js";
import { availableMemory, readText } from "./cgroup.js";
import { findLibtorch, libtorchFingerprint } from "./find.js";
import { buildFolder, recordPath, type BuildRecord } from "./record.js";

const buildHelp = "Build the addon: npx slicestack-torch-build   (in the repository: make build)";
/** What the system's loader says where the library is whole, but this process may not take the memory for it. */
const NO_ROOM = /failed to map segment|cannot allocate memory/i;
const roomHelp = "This process may take too little memory for libtorch. Raise its limit: ulimit -v unlimited";

let loaded: Addon | undefined;
let record: BuildRecord | undefined;

function load(): Addon {
  if (!existsSync(recordPath)) {
    const libtorch = findLibtorch(); // throws with a list of what was tried where there is no libtorch
    throw new LibtorchNotFoundError(
      [`libtorch ${libtorch.version} is at ${libtorch.libraryPath}`, `${recordPath}: the addon is not built`],
      buildHelp,
    );
  }
  record = JSON.parse(readFileSync(recordPath, "utf8")) as BuildRecord;
  const now = libtorchFingerprint(record.libtorch);
  if (now !== record.fingerprint) {
    throw new LibtorchNotFoundError(
      [`the addon was built for ${record.fingerprint}`, `now: ${now}`],
      buildHelp,
    );
  }
  const path = join(buildFolder, record.addon);
  try {
    const addon = createRequire(import.meta.url)(path) as Addon;
    addon.setErrorClasses(
      TorchError,
      ArgumentError,
      TensorDisposedError,
      OutOfMemoryError,
      DistributedError,
      MappedFileError,
    );
    // Where the system does not report available memory, free memory is too low an estimate, because caches count as
    // used.
    addon.setMemoryProbe(() => availableMemory(readText, totalmem()));
    return addon;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LibtorchNotFoundError([`${path}: ${reason}`], NO_ROOM.test(reason) ? roomHelp : buildHelp);
  }
}

let standIn: Addon | undefined;

/**
 * The addon of this thread, or its replacement. @throws LibtorchNotFoundError; ArgumentError for a wrong
 * SLICESTACK_CONVOLUTIONS
 */
export function native(): Addon {
  if (standIn !== undefined) return standIn;
  loaded ??= configured(load());
  return loaded;
}

function configured(addon: Addon): Addon {
  const kernels = process.env["SLICESTACK_CONVOLUTIONS"] ?? "";
  if (kernels === "") return addon;
  try {
    addon.setConvolutionKernels(kernels);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ArgumentError(`SLICESTACK_CONVOLUTIONS: ${reason}`, "load");
  }
  return addon;
}

/** The addon itself where it was loaded: for finalizers, which must neither load it nor use a replacement. */
export function loadedAddon(): Addon | undefined {
  return loaded;
}

/**
 * Runs a synchronous `body` with a replacement for the addon: one that observes calls, or one that only computes
 * shapes.
 */
export function withAddon<T>(addon: Addon, body: () => T): T {
  const before = standIn;
  standIn = addon;
  try {
    return body();
  } finally {
    standIn = before;
  }
}

/** How the loaded library was found. @throws LibtorchNotFoundError */
export function buildRecord(): BuildRecord {
  native();
  if (record === undefined) throw new Error("the addon is loaded without a record");
  return record;
}
