import { open, type FileHandle } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { reason } from "./atomic.js";
import { VolumeFileError, VolumeFormatError } from "../errors.js";
import { NIFTI_HEADER_BYTES, parseNiftiHeader, type NiftiHeader } from "../nifti/header.js";
import { checkLength, NIFTI_PADDING_BYTES } from "../nifti/parse.js";

/** Deflate cannot shrink more than this; a header that announces more is damaged. */
const MAX_DEFLATE_RATIO = 1032;
const CHUNK_BYTES = 2 ** 20;

/** The uncompressed bytes of one .nii or .nii.gz file, as a stream that is read once: header, then voxels. */
export class NiftiSource {
  readonly #path: string;
  readonly #size: number;
  readonly #gzip: boolean;
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<Uint8Array, undefined>;
  #start: Uint8Array = new Uint8Array(0);

  private constructor(path: string, size: number, gzip: boolean, stream: Readable) {
    this.#path = path;
    this.#size = size;
    this.#gzip = gzip;
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
  }

  /** @throws VolumeFileError missing, a folder, no permission */
  static async open(path: string): Promise<NiftiSource> {
    const { handle, size, gzip } = await openFile(path);
    const raw = handle.createReadStream({ start: 0, highWaterMark: CHUNK_BYTES });
    // An error on either side reaches whoever awaits the chunks.
    const stream = gzip ? pipeline(raw, createGunzip({ chunkSize: CHUNK_BYTES }), () => {}) : raw;
    return new NiftiSource(path, size, gzip, stream);
  }

  /** To be called first. @throws VolumeFormatError */
  async header(): Promise<NiftiHeader> {
    while (this.#start.length < NIFTI_HEADER_BYTES) {
      const chunk = await this.#next();
      if (chunk === null) break;
      this.#start = this.#start.length === 0 ? chunk : joined(this.#start, chunk);
    }
    const { buffer, byteOffset, byteLength } = this.#start;
    const length = Math.min(byteLength, NIFTI_HEADER_BYTES);
    return parseNiftiHeader(buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer, this.#path);
  }

  /** To be called second, reads to the end, so that gzip's checksum is checked. @throws VolumeFormatError */
  async voxels(header: NiftiHeader): Promise<ArrayBuffer> {
    this.#refuseImpossible(header);
    const voxels = new Uint8Array(allocate(header, this.#path));
    const first = header.voxelOffset;
    let at = 0;
    for (let chunk: Uint8Array | null = this.#start; chunk !== null; chunk = await this.#next()) {
      // The part of the chunk that lies in the voxels, as offsets into the voxels.
      const from = Math.max(at - first, 0);
      const to = Math.min(at + chunk.length - first, voxels.length);
      if (to > from) voxels.set(chunk.subarray(from + first - at, to + first - at), from);
      at += chunk.length;
      if (at - first > voxels.length + NIFTI_PADDING_BYTES) break;
    }
    checkLength(header, at - first, this.#path);
    return voxels.buffer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stream.closed) return;
    await new Promise<void>((resolve) => {
      this.#stream.once("close", resolve);
      this.#stream.destroy();
    });
  }

  async #next(): Promise<Uint8Array | null> {
    try {
      const result = await this.#chunks.next();
      return result.done === true ? null : result.value;
    } catch (cause) {
      const code = reason(cause);
      if (!code.startsWith("Z_"))
        throw new VolumeFileError(this.#path, `cannot be read (${code})`, "Check the disk.", { cause });
      const problem = code === "Z_BUF_ERROR" ? "the gzip stream ends early" : `the gzip stream is damaged (${code})`;
      const remedy = "The file is truncated or damaged; copy or export it again.";
      throw new VolumeFormatError({ file: this.#path, format: "NIfTI", problem, remedy }, { cause });
    }
  }

  /** What the header announces must be able to lie in a file of this size: no memory is taken on its word alone. */
  #refuseImpossible(header: NiftiHeader): void {
    if (!this.#gzip) return checkLength(header, this.#size - header.voxelOffset, this.#path);
    const most = this.#size * MAX_DEFLATE_RATIO;
    if (header.voxelOffset + header.voxelBytes <= most) return;
    throw new VolumeFormatError({
      file: this.#path,
      format: "NIfTI",
      problem: `its header announces ${header.voxelBytes} bytes of voxels, ${this.#size} bytes of gzip hold at most ${most}`,
      remedy: "The file is truncated or damaged; copy or export it again.",
    });
  }
}

async function openFile(path: string): Promise<{ handle: FileHandle; size: number; gzip: boolean }> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path);
    const status = await handle.stat();
    if (status.isFile()) {
      const mark = new Uint8Array(2);
      await handle.read(mark, 0, 2, 0);
      return { handle, size: status.size, gzip: mark[0] === 0x1f && mark[1] === 0x8b };
    }
  } catch (cause) {
    await handle?.close();
    throw new VolumeFileError(path, `cannot be read (${reason(cause)})`, "Check the path and the permissions.", {
      cause,
    });
  }
  await handle.close();
  throw new VolumeFileError(path, "expected a file, it is a folder or a device", "Give the path of the file itself.");
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function allocate(header: NiftiHeader, file: string): ArrayBuffer {
  try {
    return new ArrayBuffer(header.voxelBytes);
  } catch (cause) {
    const problem = `its ${header.voxelBytes} bytes of voxels do not fit in memory`;
    throw new VolumeFormatError(
      { file, format: "NIfTI", problem, remedy: "Use a machine with more memory." },
      { cause },
    );
  }
}
