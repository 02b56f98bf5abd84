import type { VolumeFormat } from "../errors.js";
import { COPY_AGAIN, refuser } from "../refuse.js";
import { MAX_DEFLATE_RATIO } from "./inflate.js";

/** Bytes after the voxels that are taken for padding; more means that header and data do not belong together. */
export const PADDING_BYTES = 65536;

/** What a header announces of its voxels. */
export interface Announced {
  file: string;
  format: VolumeFormat;
  /** Length of the voxels, uncompressed. */
  bytes: number;
  /** Such as "512 x 512 x 64 int16". */
  what: string;
}

/** @param held bytes from the first voxel to the end of the file  @throws VolumeFormatError too short, too long */
export function checkLength(announced: Announced, held: number): void {
  const { file, format, bytes, what } = announced;
  if (held < bytes) {
    const problem = `expected ${bytes} bytes of voxels (${what}), the file holds ${Math.max(0, held)}`;
    refuser(file, format)(problem, "The file is truncated; copy or export it again.");
  }
  if (held > bytes + PADDING_BYTES) refuseTooLarge(announced);
}

export function refuseTooLarge({ file, format, bytes, what }: Announced, options?: ErrorOptions): never {
  const problem = `expected ${bytes} bytes of voxels (${what}), the file goes on for more than ${PADDING_BYTES} bytes after them`;
  return refuser(file, format)(problem, "Its header does not fit its data; export the file again.", options);
}

/** What a header announces must be able to lie in a file of this size: no memory is taken on its word alone. */
export function refuseImpossible({ file, format, bytes }: Announced, skip: number, compressedBytes: number): void {
  const most = compressedBytes * MAX_DEFLATE_RATIO;
  if (skip + bytes <= most) return;
  const problem = `its header announces ${bytes} bytes of voxels, ${compressedBytes} compressed bytes hold at most ${most}`;
  refuser(file, format)(problem, COPY_AGAIN);
}

/**
 * Copies the voxels out of the pieces of a file, to the last piece, so that a checksum at its end is checked.
 * @param skip bytes before the first voxel
 * @throws VolumeFormatError too short, too long (found without reading on), or no memory for them
 */
export async function gather(
  chunks: AsyncIterable<Uint8Array>,
  announced: Announced,
  skip: number,
): Promise<Uint8Array> {
  const voxels = new Uint8Array(allocate(announced));
  let at = 0;
  for await (const chunk of chunks) {
    // The part of the chunk that lies in the voxels, as offsets into the voxels.
    const from = Math.max(at - skip, 0);
    const to = Math.min(at + chunk.length - skip, voxels.length);
    if (to > from) voxels.set(chunk.subarray(from + skip - at, to + skip - at), from);
    at += chunk.length;
    if (at - skip > voxels.length + PADDING_BYTES) break;
  }
  checkLength(announced, at - skip);
  return voxels;
}

/** @throws VolumeFormatError where there is no memory for the voxels */
export function allocate({ file, format, bytes }: Announced): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (cause) {
    const problem = `its ${bytes} bytes of voxels do not fit in memory`;
    return refuser(file, format)(problem, "Use a machine with more memory.", { cause });
  }
}
