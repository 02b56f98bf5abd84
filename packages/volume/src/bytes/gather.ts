import type { VolumeFormat } from "../errors.js";
import { COPY_AGAIN, refuser } from "../refuse.js";
import { MAX_DEFLATE_RATIO } from "./inflate.js";

/** Up to this many bytes after the voxels count as padding; more means that header and data do not belong together. */
export const PADDING_BYTES = 65536;

/** What a header declares about the voxels. */
export interface Announced {
  file: string;
  format: VolumeFormat;
  /** Length of the uncompressed voxels. */
  bytes: number;
  /** Description for messages, such as "512 x 512 x 64 int16". */
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
  const problem = `expected ${bytes} bytes of voxels (${what}), the file continues for more than ${PADDING_BYTES} bytes after them`;
  return refuser(file, format)(problem, "Its header does not fit its data; export the file again.", options);
}

/** Checks that a file of this size can hold what its header declares, before any memory is allocated for it. */
export function refuseImpossible(
  { file, format, bytes }: Announced,
  skip: number,
  compressedBytes: number,
): void {
  const most = compressedBytes * MAX_DEFLATE_RATIO;
  if (skip + bytes <= most) return;
  const problem = `its header declares ${bytes} bytes of voxels, ${compressedBytes} compressed bytes hold at most ${most}`;
  refuser(file, format)(problem, COPY_AGAIN);
}

/**
 * Copies the voxels out of the chunks of a file, and reads to the last chunk so that a checksum at the end is verified.
 * @param skip bytes before the first voxel
 * @throws VolumeFormatError too short, too long (detected without reading the rest), or not enough memory
 */
export async function gather(
  chunks: AsyncIterable<Uint8Array>,
  announced: Announced,
  skip: number,
): Promise<Uint8Array> {
  const voxels = new Uint8Array(allocate(announced));
  let at = 0;
  for await (const chunk of chunks) {
    // The part of the chunk that belongs to the voxels, as offsets into the voxels.
    const from = Math.max(at - skip, 0);
    const to = Math.min(at + chunk.length - skip, voxels.length);
    if (to > from) voxels.set(chunk.subarray(from + skip - at, to + skip - at), from);
    at += chunk.length;
    if (at - skip > voxels.length + PADDING_BYTES) break;
  }
  checkLength(announced, at - skip);
  return voxels;
}

/** @throws VolumeFormatError where there is not enough memory for the voxels */
export function allocate({ file, format, bytes }: Announced): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (cause) {
    const problem = `its ${bytes} bytes of voxels do not fit in memory`;
    return refuser(file, format)(problem, "Use a machine with more memory.", { cause });
  }
}
