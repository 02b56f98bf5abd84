import { hostIsLittleEndian, swapBytes } from "../../byte-order.js";
import { message, named } from "../../message.js";
import { damaged, unsupported } from "../damage.js";
import type { DicomImage, PixelLayout } from "../image.js";
import { inflateStart } from "../inflate.js";
import { supportedSyntaxes, syntaxOf, type TransferSyntax } from "../syntaxes.js";
import { decodeFrame } from "./codecs.js";
import { codestreamFacts, type CodestreamFacts } from "./codestream.js";
import { encapsulatedFrames } from "./fragments.js";
import { UNDEFINED_LENGTH } from "../elements.js";

export type StoredArray = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

/** The stored values of one frame. In each, the `bits` bits up to bit `high` (counted from 0) are the value. */
export interface StoredFrame {
  values: StoredArray;
  bits: number;
  high: number;
  signed: boolean;
}

/** The opened pixels of one file. */
export interface OpenImage {
  /** The file, to which frames may be views. */
  bytes: Uint8Array;
  frame(index: number): Promise<StoredFrame>;
}

/** Room for the padding byte that makes a length even. */
const PADDING_BYTES = 1;
/** A constant image compresses by about this factor; beyond it, the header is wrong. */
export const MAX_RATIO = 4096;

/** @throws VolumeFormatError an unsupported transfer syntax or bit depth, or impossible sizes */
export function checkReadable(image: DicomImage): TransferSyntax {
  const { source, pixels, syntaxUid } = image;
  const syntax = syntaxOf(syntaxUid);
  if (syntax === undefined) {
    const names = supportedSyntaxes().map(({ name }) => name);
    throw unsupported(
      source.name,
      message`its transfer syntax${named(` ${syntaxUid}`, "")} is not read`,
      `Convert it to one of: ${names.join(", ")}.`,
    );
  }
  if (![8, 16, 32].includes(pixels.bitsAllocated)) {
    const problem = `its pixels have ${pixels.bitsAllocated} bits allocated, expected 8, 16 or 32`;
    throw unsupported(source.name, problem, "Convert it with dcmtk or gdcm.");
  }
  const isEncapsulated = pixels.data.length === UNDEFINED_LENGTH;
  if (isEncapsulated !== (syntax.codec !== "none")) {
    const [is, should] = isEncapsulated ? ["compressed", "plain"] : ["plain", "compressed"];
    throw damaged(source.name, `its pixel data is ${is}, its transfer syntax ${syntax.name} is ${should}`);
  }
  const expected = pixelBytes(pixels);
  if (!isEncapsulated) checkLength(pixels.data.length, expected, source.name);
  const most =
    source.size === undefined
      ? Infinity
      : source.size * (syntax.codec === "none" && !syntax.deflated ? 1 : MAX_RATIO);
  if (expected > most) {
    throw damaged(
      source.name,
      `its header declares ${expected} bytes of pixels, a file of ${source.size} bytes cannot hold them`,
    );
  }
  return syntax;
}

function checkLength(held: number, expected: number, file: string): void {
  if (held >= expected && held <= expected + PADDING_BYTES) return;
  throw damaged(file, `its header declares ${expected} bytes of pixels, its pixel data holds ${held}`);
}

export const pixelBytes = ({ rows, columns, frames, bitsAllocated }: PixelLayout): number =>
  rows * columns * frames * (bitsAllocated / 8);

/**
 * Reads the file and checks that its pixels are complete.
 * @param reuse the bytes of another image, whose frames are no longer needed   @throws VolumeFormatError
 */
export async function openImage(
  image: DicomImage,
  syntax: TransferSyntax,
  { codecUrl, reuse }: { codecUrl?: string | undefined; reuse?: Uint8Array | undefined } = {},
): Promise<OpenImage> {
  const { source, pixels } = image;
  const file = await source.read(reuse);
  let bytes = file;
  const { offset } = pixels.data;
  if (syntax.deflated)
    bytes = await inflateStart(bytes.subarray(image.start), offset + pixelBytes(pixels), source.name);
  if (!isPixelData(bytes, offset, syntax))
    throw damaged(source.name, "its pixel data has moved since the scan");
  if (syntax.codec === "none") {
    if (offset + pixelBytes(pixels) > bytes.length) {
      throw damaged(
        source.name,
        `expected ${pixelBytes(pixels)} bytes of pixels, the file holds ${bytes.length - offset}`,
      );
    }
    return { bytes: file, frame: (index) => Promise.resolve(plainFrame(bytes, index, pixels, syntax)) };
  }
  const codec = syntax.codec;
  const frames = encapsulatedFrames(bytes, pixels, codec === "rle", source.name);
  return {
    bytes: file,
    frame: async (index) => {
      const encoded = frames[index] as Uint8Array;
      const facts = codestreamFacts(encoded, codec, source.name);
      if (facts !== undefined) checkCodestream(facts, pixels, source.name);
      return decodedFrame(await decodeFrame(encoded, codec, pixels, source.name, codecUrl), pixels, facts);
    },
  };
}

/** Tag (7FE0,0010) is located 12 bytes before the value where the VR is explicit, else 8. */
function isPixelData(bytes: Uint8Array, offset: number, { littleEndian }: TransferSyntax): boolean {
  const tag = littleEndian ? [0xe0, 0x7f, 0x10, 0x00] : [0x7f, 0xe0, 0x00, 0x10];
  return [12, 8].some((back) => tag.every((value, i) => bytes[offset - back + i] === value));
}

/** A view of the file's bytes where possible, else a copy. */
function plainFrame(
  bytes: Uint8Array,
  index: number,
  layout: PixelLayout,
  syntax: TransferSyntax,
): StoredFrame {
  const { bitsAllocated, bitsStored, highBit, signed, rows, columns, data } = layout;
  const item = bitsAllocated / 8;
  const length = rows * columns * item;
  const start = data.offset + index * length;
  let part = bytes.subarray(start, start + length);
  // In big endian, bytes that are written as words are swapped in pairs.
  const swapped =
    item === 1 ? !syntax.littleEndian && data.vr === "OW" : syntax.littleEndian !== hostIsLittleEndian;
  if (swapped || part.byteOffset % item !== 0) part = part.slice();
  if (swapped) swapBytes(part, Math.max(item, 2));
  return { values: typed(part, item, signed), bits: bitsStored, high: highBit, signed };
}

/**
 * Codecs return values that start at bit 0. JPEG 2000 states itself whether they are signed, and is trusted where it
 * does; where it does not but the header does, its values are two's complement in its own precision (as in pydicom).
 */
function decodedFrame(
  decoded: Uint8Array,
  layout: PixelLayout,
  facts: CodestreamFacts | undefined,
): StoredFrame {
  const item = decoded.length / (layout.rows * layout.columns);
  const aligned = decoded.byteOffset % item === 0 ? decoded : decoded.slice();
  if (facts === undefined) {
    return {
      values: typed(aligned, item, layout.signed),
      bits: layout.bitsStored,
      high: layout.highBit,
      signed: layout.signed,
    };
  }
  const whole = item * 8;
  if (facts.signed === true)
    return { values: typed(aligned, item, true), bits: whole, high: whole - 1, signed: true };
  const bits = !layout.signed ? whole : facts.signed === false ? facts.precision : layout.bitsStored;
  return { values: typed(aligned, item, layout.signed), bits, high: bits - 1, signed: layout.signed };
}

function typed(bytes: Uint8Array, item: number, signed: boolean): StoredArray {
  const { buffer, byteOffset, length } = bytes;
  if (item === 1) return signed ? new Int8Array(buffer, byteOffset, length) : bytes;
  if (item === 2) {
    return signed
      ? new Int16Array(buffer, byteOffset, length / 2)
      : new Uint16Array(buffer, byteOffset, length / 2);
  }
  return signed
    ? new Int32Array(buffer, byteOffset, length / 4)
    : new Uint32Array(buffer, byteOffset, length / 4);
}

function checkCodestream(facts: CodestreamFacts, layout: PixelLayout, file: string): void {
  const { columns, rows, components, precision } = facts;
  if (columns !== layout.columns || rows !== layout.rows || components !== 1) {
    const found = `${columns} x ${rows} of ${components} components`;
    throw damaged(
      file,
      `its header says ${layout.columns} x ${layout.rows} pixels, its compressed frame ${found}`,
    );
  }
  if (precision > layout.bitsAllocated) {
    throw damaged(
      file,
      `its compressed frame has ${precision} bits per pixel, its header allocates ${layout.bitsAllocated}`,
    );
  }
}
