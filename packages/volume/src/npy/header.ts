import { hostIsLittleEndian } from "../byte-order.js";
import { VolumeArgumentError } from "../errors.js";
import { refuser, type Refuse } from "../refuse.js";

/** Data types of arrays in memory; "bool" is kept in a Uint8Array of 0 and 1. */
export type NpyDtype =
  "bool" | "int8" | "uint8" | "int16" | "uint16" | "int32" | "uint32" | "float32" | "float64";

/** Data types of a file; the three additional ones are converted when they are read. */
export type NpyFileDtype = NpyDtype | "int64" | "uint64" | "float16";

const CODES: Record<string, NpyFileDtype> = {
  b1: "bool",
  i1: "int8",
  u1: "uint8",
  i2: "int16",
  u2: "uint16",
  i4: "int32",
  u4: "uint32",
  i8: "int64",
  u8: "uint64",
  f2: "float16",
  f4: "float32",
  f8: "float64",
};

export interface NpyHeader {
  dtype: NpyFileDtype;
  itemBytes: number;
  shape: number[];
  /** Byte offset of the values. */
  offset: number;
  littleEndian: boolean;
  fortranOrder: boolean;
}

/** Size of the signature, the version and the length field. */
export const NPY_PREFIX_BYTES = 12;
/** numpy itself refuses longer headers. */
const MAX_HEADER_BYTES = 65536;
const MARK = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY

/** The offset of the values, from the first 12 bytes of the file. @throws VolumeFormatError */
export function npyOffset(prefix: Uint8Array, file = "bytes"): number {
  const refuse = refuser(file, "npy");
  if (prefix.length < 10 || !MARK.every((byte, i) => prefix[i] === byte)) {
    refuse(
      "expected the signature \\x93NUMPY at its start, found none",
      "Check that the file is npy and complete.",
    );
  }
  const major = prefix[6] ?? 0;
  if (major < 1 || major > 3)
    refuse(`expected version 1, 2 or 3, it is ${major}`, "Save it again with numpy.save.");
  if (major > 1 && prefix.length < 12)
    refuse("its header ends early", "The file is truncated; copy it again.");
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES) {
    refuse(
      `expected a header of at most ${MAX_HEADER_BYTES} bytes, it declares ${length}`,
      "The file is damaged; save it again.",
    );
  }
  return (major === 1 ? 10 : 12) + length;
}

/** @param bytes the file's first bytes, at least as many as npyOffset returns  @throws VolumeFormatError */
export function parseNpyHeader(bytes: Uint8Array, file = "bytes"): NpyHeader {
  const refuse = refuser(file, "npy");
  const offset = npyOffset(bytes.subarray(0, NPY_PREFIX_BYTES), file);
  if (bytes.length < offset)
    refuse(
      `its header ends after ${bytes.length} of ${offset} bytes`,
      "The file is truncated; copy it again.",
    );
  const start = bytes[6] === 1 ? 10 : 12;
  const { descr, fortran, shape } = parseDictionary(
    new TextDecoder().decode(bytes.subarray(start, offset)),
    refuse,
  );
  const match = /^([<>|=]?)([a-zA-Z?]\d*)$/.exec(descr);
  const dtype = match === null ? undefined : CODES[(match[2] ?? "").replace("?", "b1")];
  if (match === null || dtype === undefined) {
    return refuse(
      `expected whole numbers, floats or bool, its dtype is ${descr}`,
      "Convert it with .astype before numpy.save.",
    );
  }
  const itemBytes = dtype === "bool" ? 1 : Number(/\d+/.exec(dtype)?.[0]) / 8;
  const littleEndian = match[1] === "<" || (match[1] !== ">" && hostIsLittleEndian);
  return { dtype, itemBytes, shape, offset, littleEndian, fortranOrder: fortran };
}

/** The header is a Python dictionary with exactly three keys, in any order. */
function parseDictionary(text: string, refuse: Refuse): { descr: string; fortran: boolean; shape: number[] } {
  const body =
    /^\s*\{(.*)\}\s*$/s.exec(text)?.[1] ??
    refuse("its header is not a dictionary", "Save it again with numpy.save.");
  if (/['"]descr['"]\s*:\s*[[({]/.test(body)) {
    refuse("expected one number per item, its dtype is structured", "Save each field as a separate array.");
  }
  const entry =
    /\s*(['"])(descr|fortran_order|shape)\1\s*:\s*(?:(['"])([^'"]*)\3|(True|False)|\(([\d\sL,]*)\))\s*(?:,|$)/gy;
  const found = new Map<string, RegExpExecArray>();
  let end = 0;
  for (let match = entry.exec(body); match !== null; match = entry.exec(body)) {
    found.set(match[2] ?? "", match);
    end = entry.lastIndex;
  }
  const descr = found.get("descr")?.[4];
  const fortran = found.get("fortran_order")?.[5];
  const tuple = found.get("shape")?.[6];
  if (descr === undefined || fortran === undefined || tuple === undefined || body.slice(end).trim() !== "") {
    return refuse(
      `expected descr, fortran_order and shape in its header, it is ${body.slice(0, 200)}`,
      "Save it again with numpy.save.",
    );
  }
  if (/^[<>|=]?O/.test(descr))
    refuse("expected numbers, it holds Python objects", "Convert it with .astype(float) before numpy.save.");
  const sizes = tuple.split(",").map((part) => part.trim().replace(/L$/, ""));
  if (sizes.at(-1) === "") sizes.pop();
  const shape = sizes.map((part) => (/^\d+$/.test(part) ? Number(part) : NaN));
  if (!shape.every(Number.isSafeInteger) || !Number.isSafeInteger(shape.reduce((a, b) => a * b, 8))) {
    refuse(`expected a shape of whole numbers, it is (${tuple})`, "The file is damaged; save it again.");
  }
  return { descr, fortran: fortran === "True", shape };
}

/**
 * Header of a version 1.0 file in C order and the host's byte order, padded with spaces to a multiple of 64 bytes.
 * @param roomBytes minimum length of the header, so that it can be rewritten with a larger shape
 */
export function encodeNpyHeader(dtype: NpyDtype, shape: readonly number[], roomBytes = 0): Uint8Array {
  if (!shape.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw new VolumeArgumentError("shape", "whole numbers >= 0", `[${shape.join(", ")}]`);
  }
  const code = Object.keys(CODES).find((key) => CODES[key] === dtype);
  if (code === undefined) throw new VolumeArgumentError("dtype", Object.values(CODES).join(", "), dtype);
  const order = code.endsWith("1") ? "|" : hostIsLittleEndian ? "<" : ">";
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const total = Math.max(Math.ceil((10 + text.length + 1) / 64) * 64, roomBytes);
  if (total - 10 > 65535)
    throw new VolumeArgumentError(
      "shape",
      "a shape that fits a version 1.0 header",
      `${shape.length} dimensions`,
    );
  const bytes = new Uint8Array(total).fill(0x20);
  bytes.set([...MARK, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, total - 10, true);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[total - 1] = 0x0a;
  return bytes;
}
