/** What libtorch itself refused: the op, the tensors it saw, and libtorch's own words. */
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

/** A wrong argument: names the argument, what was expected and what came. Nothing was computed. */
export class ArgumentError extends TorchError {
  override readonly name: string = "ArgumentError";
}

/** A tensor used after `dispose()` or after the end of the scope that made it. */
export class TensorDisposedError extends TorchError {
  override readonly name: string = "TensorDisposedError";
}

/** Memory that cannot be had, with the largest live tensors listed. */
export class OutOfMemoryError extends TorchError {
  override readonly name: string = "OutOfMemoryError";
}

/** A memory-mapped file that was cut, replaced or lost while it was in use: what is read from it now would be wrong. */
export class MappedFileError extends TorchError {
  override readonly name: string = "MappedFileError";
}

/** Processes that train together and no longer can: names the operation, this rank, and what to look at. */
export class DistributedError extends TorchError {
  override readonly name = "DistributedError";
  /** This process, 0 .. worldSize - 1; -1 where it is in no group. */
  readonly rank: number;
  readonly worldSize: number;

  constructor(message: string, op = "", shapes = "", rank = -1, worldSize = 0) {
    super(message, op, shapes);
    this.rank = rank;
    this.worldSize = worldSize;
  }
}

/** A state dict that does not fit a module: every missing, unexpected and misshapen key is listed. */
export class StateDictError extends Error {
  override readonly name = "StateDictError";
  constructor(
    readonly missing: string[],
    readonly unexpected: string[],
    readonly misshapen: string[],
  ) {
    const part = (title: string, keys: string[]) => (keys.length === 0 ? "" : `\n  ${title}: ${keys.join(", ")}`);
    super(
      `the state dict does not fit the module${part("missing", missing)}${part("unexpected", unexpected)}${part("other shape", misshapen)}\n` +
        "  Load weights of the same model, or pass { strict: false } to take what fits.",
    );
  }
}

/** libtorch was not found, or the addon is not built for it: lists what was tried and what to do. */
export class LibtorchNotFoundError extends Error {
  override readonly name = "LibtorchNotFoundError";
  constructor(
    readonly tried: string[],
    readonly remedy: string,
  ) {
    super(`libtorch is not ready to use. Tried:\n${tried.map((line) => `  - ${line}`).join("\n")}\n${remedy}`);
  }
}
