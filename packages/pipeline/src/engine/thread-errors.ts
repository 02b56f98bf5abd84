/** Carries errors from a worker to its caller with class, fields and cause, so that `instanceof` works there. */
import {
  ArgumentError,
  CheckpointError,
  DistributedError,
  LibtorchNotFoundError,
  OutOfMemoryError,
  StateDictError,
  TensorDisposedError,
  TorchError,
} from "@slicestack/torch/internal/errors";
import {
  ClusteredSubjectsError,
  LabelError,
  PredictionsError,
  ProbabilityError,
  RangeOfParameterError,
  ShapeError,
} from "@slicestack/stats/internal/errors";
import {
  DicomSeriesError,
  RegionError,
  VolumeArgumentError,
  VolumeFileError,
  VolumeFormatError,
} from "@slicestack/volume/internal/errors";
import { ConfigError, PluginError } from "../config/errors.js";

/** An error in a form that can be sent to another thread. */
export interface PackedError {
  /** The nearest of its classes that is registered, and the module that registers it; null: a plain Error. */
  kind: { name: string; module: string } | null;
  name: string;
  message: string;
  stack: string;
  /** Its other fields, except those that cannot be cloned. */
  fields: [name: string, value: unknown][];
  cause: PackedError | undefined;
}

interface Registered {
  prototype: object;
  /** The module that registers it when it is loaded. */
  module: string;
}

const registered = new Map<string, Registered>();

/**
 * Registers error classes that may cross threads. The module that defines them passes its `import.meta.url`, so that a thread
 * that has not loaded the module yet can do so when such an error arrives.
 */
export function crossThreads(module: string, ...classes: { name: string; prototype: object }[]): void {
  for (const { name, prototype } of classes) registered.set(name, { prototype, module });
}

/** The thread of a job ended before the job did, or its session was closed. */
export class SessionError extends Error {
  override readonly name = "SessionError";
  constructor(problem: string, remedy: string, options?: ErrorOptions) {
    super(`${problem}. ${remedy}`, options);
  }
}

// The errors of the packages and rooms below this one, and those of JavaScript.
const here = import.meta.url;
crossThreads(here, ArgumentError, DistributedError, LibtorchNotFoundError, OutOfMemoryError, StateDictError);
crossThreads(here, TensorDisposedError, TorchError, CheckpointError, DicomSeriesError, RegionError);
crossThreads(here, VolumeArgumentError, VolumeFileError, VolumeFormatError, ConfigError, PluginError);
crossThreads(
  here,
  ClusteredSubjectsError,
  LabelError,
  PredictionsError,
  ProbabilityError,
  RangeOfParameterError,
);
crossThreads(here, ShapeError, SessionError, RangeError, TypeError, SyntaxError);

const MOST_CAUSES = 8;

export function packError(error: unknown, depth = 0): PackedError {
  const { name, message, stack = "", cause } = error instanceof Error ? error : new Error(String(error));
  const fields =
    error instanceof Error ? Object.entries(error).filter(([, value]) => isCloneable(value)) : [];
  const isPassedOn = cause !== undefined && depth < MOST_CAUSES;
  const packedCause = isPassedOn ? packError(cause, depth + 1) : undefined;
  return { kind: nearestKind(error), name, message, stack, fields, cause: packedCause };
}

function nearestKind(error: unknown): PackedError["kind"] {
  for (let at: unknown = Object.getPrototypeOf(error); at instanceof Error; at = Object.getPrototypeOf(at)) {
    const { name } = at.constructor;
    const known = registered.get(name);
    if (known !== undefined) return { name, module: known.module };
  }
  return null;
}

function isCloneable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

export async function unpackError({
  kind,
  name,
  message,
  stack,
  fields,
  cause,
}: PackedError): Promise<Error> {
  const error = new Error(message, cause === undefined ? undefined : { cause: await unpackError(cause) });
  if (kind !== null) {
    if (!registered.has(kind.name)) await import(kind.module);
    const known = registered.get(kind.name);
    if (known !== undefined) Object.setPrototypeOf(error, known.prototype);
  }
  Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true });
  if (error.name !== name)
    Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
  for (const [field, value] of fields)
    Object.defineProperty(error, field, { value, configurable: true, enumerable: true, writable: true });
  return error;
}
