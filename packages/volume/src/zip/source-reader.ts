import { Reader } from "@zip.js/zip.js";
import type { ByteSource } from "../bytes/source.js";
import { VolumeFileError } from "../errors.js";

/** No directory of an archive is longer; what the archive says of its length is not believed. */
const MAX_READ_BYTES = 2 ** 28;

/** Gives the zip library the bytes of a source, and keeps the error where the source fails. */
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

  /** The last error of the source, once. */
  takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }
}
