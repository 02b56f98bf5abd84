/**
 * Writes DICOM files (PS3.10): explicit VR, little endian, sequences of defined length, pixels as they are or in RLE. The
 * same input gives the same bytes.
 */
import { VolumeArgumentError } from "../../errors.js";
import { EXPLICIT_LITTLE_ENDIAN, RLE_LOSSLESS } from "../syntaxes.js";
import { WRITTEN, type WrittenName, type WrittenVr } from "./names.js";
import { encodeRleFrame } from "./rle.js";
import { encodeText } from "./text.js";

/** A text, several values of one element, whole numbers (VR US), the items of a sequence, or bytes written as they are. */
export type WrittenValue = string | readonly string[] | number | readonly WrittenDataset[] | Uint8Array;

/** Elements by keyword, in any order; an undefined one is left out, an empty text writes an empty element. */
export type WrittenDataset = { readonly [name in WrittenName]?: WrittenValue | undefined };

/** VRs whose length field has four bytes (PS3.5 7.1.2). */
const LONG = new Set<string>(["OB", "SQ", "UT"]);
/** VRs in the object's character set; all others are ASCII. */
const LOCALISED = new Set<WrittenVr>(["LO", "LT", "PN", "SH", "ST", "UT"]);
const ITEM = 0xfffee000;
const END_OF_SEQUENCE = 0xfffee0dd;
const PIXEL_DATA = 0x7fe00010;
const UNDEFINED_LENGTH = 0xffffffff;
const PREAMBLE_BYTES = 128;

/** Identifies this writer (PS3.7 D.3.3.2): a UID derived from a random UUID, fixed for ever. */
const IMPLEMENTATION = { uid: "2.25.191955506272735978952517075795468017936", name: "SLICESTACK" };

/**
 * The bytes of a file. @param set with SOPClassUID, SOPInstanceUID and, unless all text is ASCII, SpecificCharacterSet
 * @param options `rle` compresses PixelData, one frame of 8 bits a sample, pixel after pixel
 * @throws VolumeArgumentError a value that its VR cannot hold, or pixels that are not as Rows and Columns say
 */
export function encodeDicom(set: WrittenDataset, { rle = false }: { rle?: boolean } = {}): Uint8Array {
  const { SOPClassUID, SOPInstanceUID, SpecificCharacterSet = "" } = set;
  // Of several character sets only ASCII is written, which all of them contain.
  const characterSet = typeof SpecificCharacterSet === "string" ? SpecificCharacterSet : "";
  const meta = concat([
    element(0x00020001, "OB", Uint8Array.of(0, 1)),
    element(0x00020002, "UI", ascii(textOf(SOPClassUID))),
    element(0x00020003, "UI", ascii(textOf(SOPInstanceUID))),
    element(0x00020010, "UI", ascii(rle ? RLE_LOSSLESS : EXPLICIT_LITTLE_ENDIAN)),
    element(0x00020012, "UI", ascii(IMPLEMENTATION.uid)),
    element(0x00020013, "SH", ascii(IMPLEMENTATION.name)),
  ]);
  const length = new Uint8Array(new Uint32Array([meta.length]).buffer);
  return concat([
    new Uint8Array(PREAMBLE_BYTES),
    ascii("DICM"),
    element(0x00020000, "UL", length),
    meta,
    ...(rle
      ? [encodeDataset({ ...set, PixelData: undefined }, characterSet), encodeRlePixels(set)]
      : [encodeDataset(set, characterSet)]),
  ]);
}

/** Pixel data are the last element: an empty table of offsets, and one fragment (PS3.5 A.4). */
function encodeRlePixels(set: WrittenDataset): Uint8Array {
  const { PixelData, Rows, Columns, SamplesPerPixel, BitsAllocated } = set;
  const [rows, columns, samples] = [Rows, Columns, SamplesPerPixel].map(Number) as [number, number, number];
  const isFrame = PixelData instanceof Uint8Array && PixelData.length === rows * columns * samples;
  if (!isFrame || BitsAllocated !== 8)
    throw new VolumeArgumentError("PixelData", "rows x columns x samples of 8 bits", typeof PixelData);
  const frame = encodeRleFrame(PixelData, { rows, columns, samples });
  return concat([
    header(PIXEL_DATA, "OB", UNDEFINED_LENGTH),
    header(ITEM, "", 0),
    header(ITEM, "", frame.length),
    frame,
    header(END_OF_SEQUENCE, "", 0),
  ]);
}

function encodeDataset(set: WrittenDataset, characterSet: string): Uint8Array {
  const names = (Object.keys(set) as WrittenName[]).filter((name) => set[name] !== undefined);
  names.sort((a, b) => WRITTEN[a][0] - WRITTEN[b][0]);
  return concat(
    names.map((name) => {
      const [tag, vr] = WRITTEN[name];
      return element(tag, vr, valueOf(name, vr, set[name] as WrittenValue, characterSet));
    }),
  );
}

function valueOf(name: WrittenName, vr: WrittenVr, value: WrittenValue, characterSet: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (vr === "SQ" && Array.isArray(value)) return items(value as readonly WrittenDataset[], characterSet);
  if (vr === "US" && typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff)
    return Uint8Array.of(value & 0xff, value >> 8);
  const texts = typeof value === "string" ? [value] : value;
  if (vr === "SQ" || vr === "US" || vr === "OB" || !isTexts(texts))
    throw new VolumeArgumentError(name, `a value for VR ${vr}`, typeof value);
  const bytes = texts.map((text) => encodeText(text, vr, LOCALISED.has(vr) ? characterSet : ""));
  return concat(bytes.flatMap((one, k) => (k === 0 ? [one] : [ascii("\\"), one])));
}

const isTexts = (value: WrittenValue): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");

const textOf = (value: WrittenValue | undefined): string => (typeof value === "string" ? value : "");

function items(sets: readonly WrittenDataset[], characterSet: string): Uint8Array {
  return concat(
    sets.flatMap((set) => {
      const bytes = encodeDataset(set, characterSet);
      return [header(ITEM, "", bytes.length), bytes];
    }),
  );
}

/** Values have an even length: UIDs and bytes are padded with 0, texts with a space. */
function element(tag: number, vr: string, value: Uint8Array): Uint8Array {
  const padding = value.length % 2 === 0 ? [] : [Uint8Array.of(vr === "UI" || vr === "OB" ? 0 : 0x20)];
  return concat([header(tag, vr, value.length + padding.length), value, ...padding]);
}

function header(tag: number, vr: string, length: number): Uint8Array {
  const isShort = vr !== "" && !LONG.has(vr);
  if (length > (isShort ? 0xfffe : UNDEFINED_LENGTH))
    throw new VolumeArgumentError(vr, "a value that fits its length field", `${length} bytes`);
  const bytes = new Uint8Array(isShort || vr === "" ? 8 : 12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, tag >>> 16, true);
  view.setUint16(2, tag & 0xffff, true);
  if (vr !== "") bytes.set(ascii(vr), 4);
  if (isShort) view.setUint16(6, length, true);
  else view.setUint32(bytes.length - 4, length, true);
  return bytes;
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
