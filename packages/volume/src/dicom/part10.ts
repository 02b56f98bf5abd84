import { Dataset } from "./dataset.js";
import { ElementWalker, type Encoding } from "./elements.js";
import { EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN, syntaxOf } from "./syntaxes.js";

/** Where the data set of a DICOM file begins, and how it is encoded. */
export interface FileStart {
  /** Its transfer syntax, which may be unsupported. */
  syntaxUid: string;
  mediaStorage: string | undefined;
  start: number;
  encoding: Encoding;
}

const PREAMBLE_BYTES = 128;

/**
 * PS3.10 section 7: preamble, "DICM", group 0002, data set. Files without a preamble, as written by older systems, are
 * accepted where they begin with an element of group 0002 or 0008.
 * @param bytes the start of the file  @returns undefined where it is not a DICOM file
 * @throws EndOfBytes more bytes are needed  @throws VolumeFormatError damaged
 */
export function locateDataset(bytes: Uint8Array, file: string, whole: boolean): FileStart | undefined {
  const walker = new ElementWalker(bytes, file, whole);
  const meta = metaStart(bytes);
  if (meta === undefined) return undefined;
  const place = walker.metaGroup(meta);
  const group2 = new Dataset(walker, place);
  const start = place.end;
  const syntaxUid =
    group2.string("TransferSyntaxUID") ??
    (looksExplicit(bytes, start) ? EXPLICIT_LITTLE_ENDIAN : IMPLICIT_LITTLE_ENDIAN);
  const syntax = syntaxOf(syntaxUid);
  const encoding = { explicit: syntax?.explicit ?? true, littleEndian: syntax?.littleEndian ?? true };
  // Some writers name one of the two little-endian syntaxes and use the other.
  if (syntax?.codec === "none" && syntax.littleEndian && !syntax.deflated)
    encoding.explicit = looksExplicit(bytes, start);
  return { syntaxUid, mediaStorage: group2.string("MediaStorageSOPClassUID"), start, encoding };
}

function metaStart(bytes: Uint8Array): number | undefined {
  const isDicm = [0x44, 0x49, 0x43, 0x4d].every((letter, i) => bytes[PREAMBLE_BYTES + i] === letter);
  if (isDicm) return PREAMBLE_BYTES + 4;
  // Requires group 0002 or 0008, an element below 0x20, and either a VR of that group or a short length.
  const [group, , element, high] = bytes;
  const isFirst = (group === 2 || group === 8) && bytes[1] === 0 && (element ?? 255) < 0x20 && high === 0;
  if (!isFirst) return undefined;
  const isShort = bytes[6] === 0 && bytes[7] === 0 && bytes.length > 8;
  return isShort || looksExplicit(bytes, 0) ? 0 : undefined;
}

/** A VR of two capital letters follows the first tag. */
function looksExplicit(bytes: Uint8Array, start: number): boolean {
  const letters = bytes.subarray(start + 4, start + 6);
  return letters.length === 2 && letters.every((code) => code >= 0x41 && code <= 0x5a);
}
