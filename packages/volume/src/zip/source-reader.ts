import { Reader } from "@zip.js/zip.js";
import type { ByteSource } from "../bytes/source.js";
import { VolumeFileError } from "../errors.js";

export { ZipReader } from "@zip.js/zip.js";

/** Limit on the directory of an archive; the length that the archive declares is not trusted. */
const MAX_READ_BYTES = 2 ** 28;

/** Passes the bytes of a source to the zip library, and keeps the error where the source fails. */
export class SourceReader extends Reader<ByteSource> {
  readonly #source: ByteSource;
  #failure: unknown;

  constructor(source: ByteSource) {
    super(source);
    this.#source = source;
  }

  override async init(): Promise<void> {
    await super.init?.();
    this.size = this.#source.size;
  }

  override async readUint8Array(index: number, length: number): Promise<Uint8Array> {
    const start = Math.min(index, this.#source.size);
    const held = Math.min(length, this.#source.size - start);
    try {
      if (held > MAX_READ_BYTES) {
        const problem = `its directory claims ${length} bytes, the limit is ${MAX_READ_BYTES}`;
        throw new VolumeFileError(this.#source.name, problem, "Split the archive.");
      }
      return await this.#source.read(start, held);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** Returns the last error of the source once, then clears it. */
  takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }
}
