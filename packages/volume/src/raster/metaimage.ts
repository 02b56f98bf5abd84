import type { VoxelDtype } from "../dtypes.js";
import { COPY_AGAIN, refuser, type Refuse } from "../refuse.js";
import {
  checkedDataFile,
  checkedSize,
  geometryOf,
  MAX_HEADER_BYTES,
  numbersOf,
  silenceNotes,
  type RasterHeader,
} from "./header.js";

/** MET_LONG has four bytes on every system: MetaIO, metaTypes.h. */
const DTYPES: Record<string, VoxelDtype> = {
  MET_CHAR: "int8",
  MET_UCHAR: "uint8",
  MET_SHORT: "int16",
  MET_USHORT: "uint16",
  MET_INT: "int32",
  MET_UINT: "uint32",
  MET_LONG: "int32",
  MET_ULONG: "uint32",
  MET_LONG_LONG: "int64",
  MET_ULONG_LONG: "uint64",
  MET_FLOAT: "float32",
  MET_DOUBLE: "float64",
};

type Fields = Map<string, string>;

/**
 * Reads the header of a MetaImage file (.mha, .mhd), as ITK's MetaIO does: world coordinates are LPS in mm, and row k
 * of the matrix is the direction of axis k. More than three axes are accepted where the additional ones have size 1.
 * @param bytes the start of the file, up to 1 MiB
 * @throws VolumeFormatError
 */
export function parseMetaImageHeader(bytes: Uint8Array, file = "bytes"): RasterHeader {
  const refuse = refuser(file, "MetaImage");
  const { fields, end } = fieldsOf(bytes, refuse);
  const elementType = needed(fields, "ElementType", refuse);
  const dtype = DTYPES[elementType];
  if (dtype === undefined)
    return refuse(
      `expected whole-number or float voxels, its ElementType is ${elementType}`,
      "Save it as MET_SHORT.",
    );
  const channels = fields.get("ElementNumberOfChannels") ?? "1";
  if (Number(channels) !== 1)
    refuse(
      `expected one number per voxel, it has ${channels} channels`,
      "Save each channel as a separate file.",
    );
  if (
    Number(fields.get("ElementToIntensityFunctionSlope") ?? 1) !== 1 ||
    Number(fields.get("ElementToIntensityFunctionOffset") ?? 0) !== 0
  )
    refuse(
      "it has a slope and offset, which some readers apply and others ignore",
      "Apply them, and save it again.",
    );
  const sizes = numbersOf(needed(fields, "DimSize", refuse));
  const dimensions = Number(needed(fields, "NDims", refuse));
  if (dimensions !== sizes.length)
    refuse(`its NDims is ${dimensions}, but it gives ${sizes.length} sizes`, "Export the file again.");
  const voxelBytes = checkedSize(sizes, dtype, refuse);
  if (sizes.length < 3 || sizes.slice(3).some((n) => n > 1)) {
    const problem = `expected one 3D volume, it is ${sizes.length}D: ${sizes.join(" x ")}`;
    refuse(problem, "Save each time point as a separate file.");
  }
  const compressed = flag(fields, ["CompressedData"], false, refuse);
  const text = !flag(fields, ["BinaryData"], true, refuse);
  if (compressed && text) refuse("it says that its text is compressed", "Save it again as binary data.");
  const littleEndian = !flag(fields, ["BinaryDataByteOrderMSB", "ElementByteOrderMSB"], false, refuse);
  return {
    format: "MetaImage",
    dtype,
    littleEndian,
    shape: sizes.slice(0, 3) as RasterHeader["shape"],
    ...geometry(fields, sizes, refuse),
    voxelBytes,
    ...locationOf(fields, end, compressed || text, refuse),
    compressed,
    text,
  };
}

/** The header ends with the line of ElementDataFile. */
function fieldsOf(bytes: Uint8Array, refuse: Refuse): { fields: Fields; end: number } {
  const fields: Fields = new Map();
  const start = bytes.subarray(0, MAX_HEADER_BYTES);
  for (let at = 0; at < start.length;) {
    const newline = start.indexOf(10, at);
    const end = newline === -1 ? start.length : newline + 1;
    const line = new TextDecoder().decode(start.subarray(at, Math.min(end, at + 65536))).trim();
    at = end;
    if (line === "") continue;
    const match = /^([A-Za-z]\w*)\s*[=:]\s*(.*)$/.exec(line);
    if (match === null)
      return refuse(`expected "Key = Value" in its header, found "${line.slice(0, 80)}"`, COPY_AGAIN);
    const [, name = "", value = ""] = match;
    if (fields.has(name)) refuse(`its header gives ${name} twice`, "Correct the header.");
    fields.set(name, value);
    if (name === "ElementDataFile") return { fields, end };
  }
  return refuse("its header does not end with ElementDataFile", COPY_AGAIN);
}

function needed(fields: Fields, name: string, refuse: Refuse): string {
  return fields.get(name) ?? refuse(`its header has no ${name}`, COPY_AGAIN);
}

/** MetaIO only looks at the first letter: T, t or 1 means true. */
function flag(fields: Fields, names: readonly string[], otherwise: boolean, refuse: Refuse): boolean {
  const name = names.find((candidate) => fields.has(candidate));
  const value = name === undefined ? undefined : fields.get(name);
  if (value === undefined) return otherwise;
  if (!/^(t(rue)?|f(alse)?|[01])$/i.test(value))
    refuse(`expected ${name} = True or False, it is ${value}`, COPY_AGAIN);
  return /^[t1]/i.test(value);
}

type Geometry = Pick<RasterHeader, "spacing" | "origin" | "direction" | "geometryNotes">;

function geometry(fields: Fields, sizes: readonly number[], refuse: Refuse): Geometry {
  const n = sizes.length;
  const list = (names: readonly string[], otherwise: number[]) => {
    const name = names.find((candidate) => fields.has(candidate));
    const numbers = name === undefined ? otherwise : numbersOf(fields.get(name) ?? "");
    if (numbers.length !== otherwise.length)
      refuse(
        `expected ${otherwise.length} numbers in ${name}, found ${numbers.length}`,
        "Correct the header.",
      );
    return numbers;
  };
  const unity = Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
  const spacing = list(["ElementSpacing", "ElementSize"], Array<number>(n).fill(1));
  const origin = list(["Offset", "Position", "Origin"], Array<number>(n).fill(0));
  const matrix = list(["TransformMatrix", "Rotation", "Orientation"], unity);
  const axes = [0, 1, 2].map((axis) => {
    const row = matrix.slice(axis * n, axis * n + 3);
    // The rows are unit vectors up to rounding; only the spacing determines the length.
    const length = Math.hypot(...row);
    if (!(Math.abs(length - 1) < 1e-2))
      refuse(`expected directions of length 1, axis ${axis} is (${row.join(", ")})`, "Correct the header.");
    return row.map((value) => (value / length) * Math.abs(spacing[axis] ?? NaN));
  });
  const isSilent = !fields.has("ElementSpacing") && !fields.has("ElementSize");
  const geometryNotes = [...silenceNotes([isSilent, isSilent, isSilent], sizes), ...sizeNotes(fields)];
  return { ...geometryOf(axes, origin.slice(0, 3), refuse), geometryNotes };
}

/**
 * ElementSize is the extent of a voxel; where it differs from the spacing, one of the two is wrong or slices overlap.
 */
function sizeNotes(fields: Fields): string[] {
  const [spacing, size] = ["ElementSpacing", "ElementSize"].map((name) =>
    numbersOf(fields.get(name) ?? "").slice(0, 3),
  );
  const differ = spacing!.some(
    (mm, axis) => Math.abs(Math.abs(mm) / Math.abs(size![axis] ?? NaN) - 1) > 0.01,
  );
  if (!differ) return [];
  const difference = `ElementSpacing is ${spacing!.join(" x ")}, ElementSize ${size!.join(" x ")}`;
  return [`${difference}: ElementSpacing was used`];
}

function locationOf(
  fields: Fields,
  end: number,
  inflatedFirst: boolean,
  refuse: Refuse,
): Pick<RasterHeader, "dataFile" | "dataOffset" | "fromEnd" | "skip"> {
  const name = needed(fields, "ElementDataFile", refuse);
  if (/^LIST\b/.test(name) || /%\d*d/.test(name))
    refuse("its voxels are spread over several files", "Save it again as one .mha file.");
  const dataFile = name === "LOCAL" ? null : checkedDataFile(name, refuse);
  const headerSize = Number(fields.get("HeaderSize") ?? 0);
  if (!Number.isSafeInteger(headerSize) || headerSize < -1 || (headerSize === -1 && inflatedFirst))
    refuse(`expected HeaderSize >= 0, or -1 with raw data, it is ${headerSize}`, "Correct the header.");
  const dataOffset = (dataFile === null ? end : 0) + Math.max(headerSize, 0);
  return { dataFile, dataOffset, fromEnd: headerSize === -1, skip: 0 };
}
