/** The header before the bytes of each file of a zip archive (APPNOTE.TXT, section 4.3.7). */
import type { ByteSource } from "../bytes/source.js";

/**
 * The part of a directory entry that is needed to find and check a file; kept small, because an archive may list
 * hundreds of thousands.
 */
export interface ZipMember {
  readonly filename: string;
  readonly rawFilename: Uint8Array;
  /** Offset of its local header. */
  readonly offset: number;
  readonly compressionMethod: number;
  readonly compressedSize: number;
  readonly uncompressedSize: number;
  /** CRC-32. */
  readonly signature: number;
}

export const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER = 0x04034b50;
const ENCRYPTED = 1;
/** Sizes and checksum follow the file instead. */
const DESCRIPTOR = 8;
/** Placeholder for a size that is in the zip64 extra field. */
const IN_ZIP64 = 0xffffffff;

/**
 * The offset of a file's bytes. The local header must agree with the directory; otherwise readers that use one or the
 * other would see different files.
 * @returns the offset, or a description of the problem
 */
export async function contentStart(source: ByteSource, member: ZipMember): Promise<number | string> {
  const { offset, rawFilename } = member;
  const length = LOCAL_HEADER_BYTES + rawFilename.length;
  if (offset + length > source.size) return "Local file header not found";
  const header = await source.read(offset, length);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const short = (at: number) => view.getUint16(at, true);
  const long = (at: number) => view.getUint32(at, true);
  if (long(0) !== LOCAL_HEADER) return "Local file header not found";
  const flags = short(6);
  if ((flags & ENCRYPTED) !== 0 || short(8) !== member.compressionMethod)
    return "Ambiguous archive: another compression in the local header";
  const nameInHeader = header.subarray(LOCAL_HEADER_BYTES, LOCAL_HEADER_BYTES + rawFilename.length);
  const sameName =
    short(26) === rawFilename.length && rawFilename.every((byte, k) => byte === nameInHeader[k]);
  if (!sameName) return "Ambiguous archive: another filename in the local header";
  const sizes = [
    [long(18), member.compressedSize],
    [long(22), member.uncompressedSize],
  ] as const;
  const sizesDiffer = sizes.some(([local, size]) => local !== size && local !== IN_ZIP64);
  const differ = sizesDiffer || long(14) !== member.signature >>> 0;
  if ((flags & DESCRIPTOR) === 0 && differ)
    return "Ambiguous archive: other sizes or another checksum in the local header";
  return offset + length + short(28);
}
