/** An error of libtorch: the op, the tensors of the call, and libtorch's message. */
export class TorchError extends Error {
  override readonly name: string = "TorchError";
  /** Name of the op as in PyTorch, camelCase. */
  readonly op: string;
  /** Names, dtypes and shapes of the tensors of the call, e.g. `x float32 [2, 3]`. */
  readonly shapes: string;

  constructor(message: string, op = "", shapes = "") {
    super(`${op === "" ? "" : `${op}: `}${message}${shapes === "" ? "" : ` (${shapes})`}`);
    this.op = op;
    this.shapes = shapes;
  }
}

/** An invalid argument: names the argument, what was expected and what was received. Nothing was computed. */
export class ArgumentError extends TorchError {
  override readonly name: string = "ArgumentError";
}

/** A tensor was used after `dispose()` or after the end of the scope in which it was created. */
export class TensorDisposedError extends TorchError {
  override readonly name: string = "TensorDisposedError";
}

/** Memory cannot be allocated; the message lists the largest live tensors. */
export class OutOfMemoryError extends TorchError {
  override readonly name: string = "OutOfMemoryError";
}

/**
 * A memory-mapped file was truncated, replaced or lost while it was in use, so that values read from it would be wrong.
 */
export class MappedFileError extends TorchError {
  override readonly name: string = "MappedFileError";
}

/** Processes can no longer train together: names the operation, this rank, and what to check. */
export class DistributedError extends TorchError {
  override readonly name = "DistributedError";
  /** Rank of this process, 0 .. worldSize - 1; -1 without a group. */
  readonly rank: number;
  readonly worldSize: number;

  constructor(message: string, op = "", shapes = "", rank = -1, worldSize = 0) {
    super(message, op, shapes);
    this.rank = rank;
    this.worldSize = worldSize;
  }
}

/** A state dict does not match a module: every missing, unexpected and misshapen key is listed. */
export class StateDictError extends Error {
  override readonly name = "StateDictError";
  constructor(
    readonly missing: string[],
    readonly unexpected: string[],
    readonly misshapen: string[],
  ) {
    const part = (title: string, keys: string[]) =>
      keys.length === 0 ? "" : `\n  ${title}: ${keys.join(", ")}`;
    super(
      `the state dict does not match the module${part("missing", missing)}${part("unexpected", unexpected)}${part("wrong shape", misshapen)}\n` +
        "  Load weights of the same model, or pass { strict: false } to load the keys that match.",
    );
  }
}

/** libtorch was not found, or the addon was not built for it: lists what was tried and what to do. */
export class LibtorchNotFoundError extends Error {
  override readonly name = "LibtorchNotFoundError";
  constructor(
    readonly tried: string[],
    readonly remedy: string,
  ) {
    super(
      `libtorch is not ready to use. Tried:\n${tried.map((line) => `  - ${line}`).join("\n")}\n${remedy}`,
    );
  }
}
