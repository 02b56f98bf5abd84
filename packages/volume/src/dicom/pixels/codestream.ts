import { damaged, unsupported } from "../damage.js";
import type { DicomCodec } from "../syntaxes.js";

/** What a compressed frame says about itself; it must agree with the header before anything is decoded. */
export interface CodestreamFacts {
  columns: number;
  rows: number;
  components: number;
  precision: number;
  /** Undefined where this kind of codestream does not tell. */
  signed: boolean | undefined;
}

/** @returns undefined for RLE, which has no header  @throws VolumeFormatError */
export function codestreamFacts(
  bytes: Uint8Array,
  codec: DicomCodec,
  file: string,
): CodestreamFacts | undefined {
  if (codec === "jpeg" || codec === "jpeg-ls") return jpegFrame(bytes, codec === "jpeg-ls", file);
  if (codec === "jpeg-2000" || codec === "htj2k") return j2kSize(bytes, file);
  return undefined;
}

/** ITU-T T.81 B.2.2 and T.87 C.2.2: the start-of-frame segment. */
function jpegFrame(bytes: Uint8Array, isLs: boolean, file: string): CodestreamFacts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8)
    throw damaged(file, "its compressed frame does not start like JPEG");
  for (let at = 2; at + 10 <= bytes.length;) {
    const marker = bytes[at + 1] as number;
    if (bytes[at] !== 0xff) break;
    // Fill bytes and markers without a segment.
    if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    const isFrame = isLs
      ? marker === 0xf7
      : marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) {
      const precision = bytes[at + 4] as number;
      // Other precisions of the cosine transform do not exist; some writers use them anyway, and decoders disagree on
      // them.
      if (marker >= 0xc0 && marker <= 0xc2 && precision !== 8 && precision !== 12) {
        const problem = `its lossy JPEG frame has ${precision} bits per pixel, the standard allows 8 and 12`;
        throw unsupported(file, problem, "Export it again without lossy compression.");
      }
      const [rows, columns] = [view.getUint16(at + 5, false), view.getUint16(at + 7, false)];
      return { precision, rows, columns, components: bytes[at + 9] as number, signed: undefined };
    }
    at += 2 + view.getUint16(at + 2, false);
  }
  throw damaged(file, "its compressed frame has no start-of-frame segment");
}

/** ISO/IEC 15444-1 A.5.1: the SIZ segment, which follows the start of the codestream. */
function j2kSize(bytes: Uint8Array, file: string): CodestreamFacts {
  if (bytes[0] === 0 && bytes[4] === 0x6a && bytes[5] === 0x50) {
    throw unsupported(
      file,
      "its JPEG 2000 frame is a JP2 file, expected a bare codestream",
      "Convert it with dcmtk or gdcm.",
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 43 || view.getUint32(0, false) !== 0xff4fff51) {
    throw damaged(file, "its compressed frame does not start like JPEG 2000");
  }
  const size = (at: number) => view.getUint32(at, false);
  const depth = bytes[42] as number;
  return {
    columns: size(8) - size(16),
    rows: size(12) - size(20),
    components: view.getUint16(40, false),
    precision: (depth & 0x7f) + 1,
    signed: depth >= 0x80,
  };
}
