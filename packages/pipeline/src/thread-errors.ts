/** Errors on their way from a worker to its caller: class, fields and cause arrive, so that `instanceof` works there. */
import {
  ArgumentError,
  DistributedError,
  LibtorchNotFoundError,
  OutOfMemoryError,
  StateDictError,
  TensorDisposedError,
  TorchError,
} from "@slicestack/torch";
import { CheckpointError } from "@slicestack/torch/safetensors";
import {
  DicomSeriesError,
  RegionError,
  VolumeArgumentError,
  VolumeFileError,
  VolumeFormatError,
} from "@slicestack/volume";
import { ConfigError } from "./config/errors.js";
import { DatasetError, LabelsError, PrepareError, SplitError, TableError } from "./data/errors.js";
import { LockedError } from "./data/lock.js";
import { FolderError } from "./data/owned-folder.js";
import { SystemError } from "./data/system-errors.js";
import { InspectError } from "./inspect/errors.js";
import { ModelError } from "./models/common/model-error.js";
import { DownloadError } from "./run/download.js";
import { RunError } from "./run/folder.js";
import { ProxyError } from "./run/proxy.js";

/** An error as a message can hold it. */
export interface PackedError {
  /** Names of its class and of those that it extends, the nearest first. */
  classes: string[];
  name: string;
  message: string;
  stack: string;
  /** Its other fields, but for those that no message can hold. */
  fields: [name: string, value: unknown][];
  cause: PackedError | undefined;
}

const registered = new Map<string, object>();

/** Of rooms above this one, which name their errors themselves. */
export function crossThreads(...classes: { name: string; prototype: object }[]): void {
  for (const { name, prototype } of classes) registered.set(name, prototype);
}

crossThreads(
  ...[ArgumentError, DistributedError, LibtorchNotFoundError, OutOfMemoryError, StateDictError, TensorDisposedError],
  ...[TorchError, CheckpointError, DicomSeriesError, RegionError, VolumeArgumentError, VolumeFileError],
  ...[VolumeFormatError, ConfigError, DatasetError, LabelsError, PrepareError, SplitError, TableError, LockedError],
  ...[
    InspectError,
    ModelError,
    DownloadError,
    RunError,
    FolderError,
    SystemError,
    ProxyError,
    RangeError,
    TypeError,
    SyntaxError,
  ],
);

const MOST_CAUSES = 8;

export function packError(error: unknown, depth = 0): PackedError {
  const { name, message, stack = "", cause } = error instanceof Error ? error : new Error(String(error));
  const classes: string[] = [];
  for (let at: unknown = Object.getPrototypeOf(error); at instanceof Error; at = Object.getPrototypeOf(at))
    classes.push(at.constructor.name);
  const fields = error instanceof Error ? Object.entries(error).filter(([, value]) => isCloneable(value)) : [];
  const isPassedOn = cause !== undefined && depth < MOST_CAUSES;
  return { classes, name, message, stack, fields, cause: isPassedOn ? packError(cause, depth + 1) : undefined };
}

function isCloneable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

export function unpackError({ classes, name, message, stack, fields, cause }: PackedError): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause: unpackError(cause) });
  const known = classes.find((one) => registered.has(one));
  if (known !== undefined) Object.setPrototypeOf(error, registered.get(known)!);
  Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true });
  if (error.name !== name) Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
  for (const [field, value] of fields)
    Object.defineProperty(error, field, { value, configurable: true, enumerable: true, writable: true });
  return error;
}
