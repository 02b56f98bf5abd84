/** A weights file that is open for random access; requests are checked against its size before memory is allocated. */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { CheckpointError } from "./checkpoint-error.js";

const pieceBytes = 1 << 20;
/** A single read of the system is limited to less than 2 GiB. */
const mostBytesARead = 1 << 30;

const REMEDIES: Record<string, string> = {
  EACCES: "Ask for the permission to read it.",
  EPERM: "Ask for the permission to read it.",
  ENOENT: "Check the path.",
  EMFILE: "Raise the limit of open files: ulimit -n 4096.",
};

export class WeightsFile implements Disposable {
  /** Size in bytes. */
  readonly size: number;
  readonly #descriptor: number;

  /** @throws CheckpointError where there is no file to read */
  constructor(readonly path: string) {
    try {
      // Checked before it is opened, because opening a pipe waits for its other end.
      if (!statSync(path).isFile()) throw new Error("it is not a file");
      this.#descriptor = openSync(path, "r");
      this.size = fstatSync(this.#descriptor).size;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const remedy = REMEDIES[code ?? ""] ?? "Give the path of a weights file.";
      throw this.fault(`cannot be read (${code ?? messageOf(error)})`, remedy, error);
    }
  }

  /** @throws CheckpointError where the file is too short */
  read(at: number, bytes: number): Uint8Array<ArrayBuffer> {
    this.#refuseBeyond(at, bytes);
    // A separate buffer, aligned for every type; it is not filled with zeros, because all of it is overwritten.
    const buffer = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
    this.#readInto(buffer, at);
    return buffer;
  }

  #readInto(buffer: Uint8Array, at: number): void {
    const bytes = buffer.length;
    for (let done = 0; done < bytes;) {
      const came = readSync(
        this.#descriptor,
        buffer,
        done,
        Math.min(bytes - done, mostBytesARead),
        at + done,
      );
      if (came === 0) throw this.fault("was truncated while it was read");
      done += came;
    }
  }

  /** SHA-256 of the whole file, in hex. */
  hash(): string {
    const hash = createHash("sha256");
    for (const piece of this.pieces(0, this.size)) hash.update(piece);
    return hash.digest("hex");
  }

  /** A range in chunks, for checksums over more than should be in memory; the next chunk overwrites the last. */
  *pieces(at: number, bytes: number): Iterable<Uint8Array> {
    this.#refuseBeyond(at, bytes);
    const buffer = new Uint8Array(Math.min(pieceBytes, bytes));
    for (let done = 0; done < bytes; done += pieceBytes) {
      const piece = buffer.subarray(0, Math.min(pieceBytes, bytes - done));
      this.#readInto(piece, at + done);
      yield piece;
    }
  }

  /** @param remedy what to do where the file was damaged in transfer, unless another remedy is given */
  fault(problem: string, remedy = "Copy or download the file again.", cause?: unknown): CheckpointError {
    return new CheckpointError(this.path, problem, remedy, cause === undefined ? {} : { cause });
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }

  #refuseBeyond(at: number, bytes: number): void {
    if (
      Number.isSafeInteger(at) &&
      Number.isSafeInteger(bytes) &&
      at >= 0 &&
      bytes >= 0 &&
      at + bytes <= this.size
    )
      return;
    throw this.fault(`expected ${bytes} bytes from byte ${at}, the file ends at ${this.size}`);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
