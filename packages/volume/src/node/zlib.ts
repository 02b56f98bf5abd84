import { promisify } from "node:util";
import { constants, createGunzip, createInflate, gunzip, gunzipSync, inflate, inflateSync } from "node:zlib";
import { reason } from "./atomic.js";
import { PADDING_BYTES, refuseTooLarge, type Announced } from "../bytes/gather.js";
import type { Compression } from "../bytes/inflate.js";
import { VolumeFileError, type VolumeFormat } from "../errors.js";
import { COPY_AGAIN, refuser } from "../refuse.js";

type Compressed = Exclude<Compression, "none">;

const SYNC = { gzip: gunzipSync, zlib: inflateSync };
const WHOLE = { gzip: promisify(gunzip), zlib: promisify(inflate) };
export const INFLATE_STREAM = { gzip: createGunzip, zlib: createInflate };

/** Inflates the first bytes of a stream, whatever follows them. @throws VolumeFormatError damaged */
export function inflatedStart(
  start: Uint8Array,
  compression: Compressed,
  file: string,
  format: VolumeFormat,
): Uint8Array {
  try {
    return SYNC[compression](start, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (cause) {
    return refuseStream(cause, compression, file, format);
  }
}

/**
 * Inflates a whole stream in one call, into one buffer of the size that its header declares: 20 % less work than in
 * chunks.
 * @param skip bytes before the first voxel
 * @returns all bytes; their number is at most skip + announced.bytes + padding
 * @throws VolumeFormatError damaged, truncated, or longer than that
 */
export async function inflatedWhole(
  stored: Uint8Array,
  compression: Compressed,
  announced: Announced,
  skip: number,
): Promise<Uint8Array> {
  const most = skip + announced.bytes + PADDING_BYTES;
  const { file, format } = announced;
  try {
    return await WHOLE[compression](stored, { chunkSize: most + 1, maxOutputLength: most });
  } catch (cause) {
    if (reason(cause) === "ERR_BUFFER_TOO_LARGE") return refuseTooLarge(announced, { cause });
    if (cause instanceof RangeError) {
      const problem = `its ${announced.bytes} bytes of voxels do not fit in memory`;
      return refuser(file, format)(problem, "Use a machine with more memory.", { cause });
    }
    return refuseStream(cause, compression, file, format);
  }
}

/**
 * Translates errors of zlib, and of the file that a stream reads, into errors of this package. @throws
 * VolumeFormatError, VolumeFileError
 */
export function refuseStream(
  cause: unknown,
  compression: Compression,
  file: string,
  format: VolumeFormat,
): never {
  const code = reason(cause);
  if (!code.startsWith("Z_"))
    throw new VolumeFileError(file, `cannot be read (${code})`, "Check the disk.", { cause });
  const problem = code === "Z_BUF_ERROR" ? "ends early" : `is damaged (${code})`;
  return refuser(file, format)(`the ${compression} stream ${problem}`, COPY_AGAIN, { cause });
}
