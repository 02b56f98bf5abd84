import { type VoxelDtype, VOXEL_BYTES } from "../dtypes.js";
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

/** The names of each type in the format. */
const DTYPES: Record<VoxelDtype, string> = {
  int8: "signed char|int8|int8_t",
  uint8: "uchar|unsigned char|uint8|uint8_t",
  int16: "short|short int|signed short|signed short int|int16|int16_t",
  uint16: "ushort|unsigned short|unsigned short int|uint16|uint16_t",
  int32: "int|signed int|int32|int32_t",
  uint32: "uint|unsigned int|uint32|uint32_t",
  int64: "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t",
  uint64: "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t",
  float32: "float",
  float64: "double",
};

/** Signs that turn a space of the format into LPS. */
const SPACES: Record<string, readonly number[]> = {
  lps: [1, 1, 1],
  "left-posterior-superior": [1, 1, 1],
  ras: [-1, -1, 1],
  "right-anterior-superior": [-1, -1, 1],
  las: [1, -1, 1],
  "left-anterior-superior": [1, -1, 1],
};

const MM_PER_UNIT: Record<string, number> = { m: 1000, cm: 10, mm: 1, um: 0.001, µm: 0.001 };

type Fields = Map<string, string>;

/**
 * Reads the header of an NRRD file, versions 1 to 5 (teem.sourceforge.net/nrrd/format.html).
 * More than three axes are accepted where the additional ones have size 1. Without a space the axes run along +x, +y,
 * +z of LPS, and the origin is the centre of the first voxel, by axis mins and centers.
 * @param bytes the start of the file, up to 1 MiB
 * @throws VolumeFormatError
 */
export function parseNrrdHeader(bytes: Uint8Array, file = "bytes"): RasterHeader {
  const refuse = refuser(file, "NRRD");
  const { fields, end } = fieldsOf(bytes, refuse);
  const typeName = needed(fields, "type", refuse).toLowerCase();
  const dtype = (Object.keys(DTYPES) as VoxelDtype[]).find((name) =>
    DTYPES[name].split("|").includes(typeName),
  );
  if (dtype === undefined)
    return refuse(
      `expected whole-number or float voxels, its type is ${typeName}`,
      "Convert it to short or float.",
    );
  const sizes = numbersOf(needed(fields, "sizes", refuse));
  const dimension = Number(needed(fields, "dimension", refuse));
  if (dimension !== sizes.length)
    refuse(`its dimension is ${dimension}, but it gives ${sizes.length} sizes`, "Export the file again.");
  const voxelBytes = checkedSize(sizes, dtype, refuse);
  const { axes, ...geometry } = fields.has("space")
    ? inSpace(fields, sizes, refuse)
    : withoutSpace(fields, sizes, refuse);
  const encoding = needed(fields, "encoding", refuse).toLowerCase();
  const compressed = encoding === "gzip" || encoding === "gz";
  const text = encoding === "ascii" || encoding === "text" || encoding === "txt";
  if (encoding !== "raw" && !compressed && !text)
    refuse(
      `expected the encoding raw, gzip or ascii, it is ${encoding}`,
      "Save it again with gzip encoding.",
    );
  const shape = axes.map((axis) => sizes[axis] ?? NaN) as RasterHeader["shape"];
  const littleEndian = endianOf(fields, dtype, text, refuse);
  const place = locationOf(fields, end, compressed || text, refuse);
  return { format: "NRRD", dtype, littleEndian, shape, ...geometry, voxelBytes, ...place, compressed, text };
}

function fieldsOf(bytes: Uint8Array, refuse: Refuse): { fields: Fields; end: number | null } {
  const start = bytes.subarray(0, MAX_HEADER_BYTES);
  const { text, end } = headerText(start);
  const [magic = "", ...lines] = text.split(/\r?\n/);
  if (!/^NRRD000[1-5]$/.test(magic))
    refuse(
      `expected the signature NRRD0001 to NRRD0005, found none`,
      "Check that the file is NRRD and complete.",
    );
  const fields: Fields = new Map();
  for (const line of lines) {
    if (line.startsWith("#") || line.includes(":=") || line.trim() === "") continue;
    const match = /^([^:]+):\s*(.*?)\s*$/.exec(line);
    if (match === null)
      return refuse(`expected "field: value" in its header, found "${line.slice(0, 80)}"`, COPY_AGAIN);
    const name = (match[1] ?? "").toLowerCase().replace(/\s/g, "");
    if (fields.has(name)) refuse(`its header gives "${match[1]}" twice`, "Correct the header.");
    fields.set(name, match[2] ?? "");
  }
  if (end === null && !fields.has("datafile")) refuse("its header does not end", COPY_AGAIN);
  return { fields, end };
}

/** The header ends with an empty line; a detached one may end with its file. In Latin-1, each byte is one letter. */
function headerText(bytes: Uint8Array): { text: string; end: number | null } {
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== 10) continue;
    const next = bytes[at + 1] === 13 ? at + 2 : at + 1;
    if (bytes[next] === 10) return { text: decoded(bytes.subarray(0, at)), end: next + 1 };
  }
  return { text: decoded(bytes), end: null };
}

const decoded = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function needed(fields: Fields, name: string, refuse: Refuse): string {
  return fields.get(name) ?? refuse(`its header has no field "${name}"`, COPY_AGAIN);
}

interface Geometry {
  /** The three axes of the array that are kept, in their order. */
  axes: number[];
  spacing: RasterHeader["spacing"];
  origin: RasterHeader["origin"];
  direction: number[];
  geometryNotes: string[];
}

function inSpace(fields: Fields, sizes: readonly number[], refuse: Refuse): Geometry {
  const space = needed(fields, "space", refuse);
  const signs = SPACES[space.toLowerCase()];
  if (signs === undefined)
    return refuse(
      `expected the space LPS, RAS or LAS, it is ${space}`,
      "Give the direction of the axes in the header.",
    );
  const words = needed(fields, "spacedirections", refuse).match(/none|\([^()]*\)/gi) ?? [];
  if (words.length !== sizes.length)
    refuse(
      `expected one space direction for each of ${sizes.length} axes, found ${words.length}`,
      "Correct the header.",
    );
  const axes = sizes.flatMap((_, axis) => (/^none$/i.test(words[axis] ?? "") ? [] : [axis]));
  threeAxes(axes, sizes, refuse);
  const mm = spaceUnits(fields, refuse);
  const vector = (text: string) => {
    const numbers = text
      .replace(/[()]/g, "")
      .split(",")
      .map((word) => (word.trim() === "" ? NaN : Number(word)));
    if (numbers.length !== 3) refuse(`expected three numbers, found ${text}`, "Correct the header.");
    return numbers.map((value, axis) => value * (signs[axis] ?? NaN) * (mm[axis] ?? NaN));
  };
  const origin = vector(fields.get("spaceorigin") ?? "(0,0,0)");
  const directions = axes.map((axis) => vector(words[axis] ?? ""));
  return { axes, ...geometryOf(directions, origin, refuse), geometryNotes: [] };
}

function spaceUnits(fields: Fields, refuse: Refuse): number[] {
  const units = [...(fields.get("spaceunits") ?? '"mm" "mm" "mm"').matchAll(/"([^"]*)"/g)].map(
    (match) => match[1] ?? "",
  );
  const mm = units.map((unit) => MM_PER_UNIT[unit.trim()] ?? (unit.trim() === "" ? 1 : NaN));
  if (mm.length === 3 && mm.every(Number.isFinite)) return mm;
  return refuse(
    `expected space units mm, cm, m or um, they are ${units.join(", ")}`,
    "Give the geometry in mm.",
  );
}

/** Without a space the orientation is unknown: +x, +y, +z are assumed to be L, P, S. */
function withoutSpace(fields: Fields, sizes: readonly number[], refuse: Refuse): Geometry {
  const axes =
    sizes.length === 3 ? [0, 1, 2] : sizes.flatMap((n, axis) => (n === 1 && axis >= 3 ? [] : [axis]));
  threeAxes(axes, sizes, refuse);
  const each = (name: string) => numbersOf(fields.get(name) ?? sizes.map(() => "nan").join(" "));
  const [spacings, mins] = [each("spacings"), each("axismins")];
  const centres = (fields.get("centers") ?? fields.get("centerings") ?? "").trim().toLowerCase().split(/\s+/);
  const silent = axes.map((axis) => Number.isNaN(spacings[axis] ?? NaN));
  const spacing = axes.map((axis, k) => (silent[k] === true ? 1 : Math.abs(spacings[axis] ?? NaN)));
  const origin = axes.map((axis, k) => {
    const least = mins[axis] ?? NaN;
    return Number.isNaN(least) ? 0 : least + (centres[axis] === "node" ? 0 : (spacing[k] ?? NaN) / 2);
  });
  const diagonal = spacing.map((mm, k) => [0, 1, 2].map((row) => (row === k ? mm : 0)));
  const keptSizes = axes.map((axis) => sizes[axis] ?? 1);
  const geometryNotes = silenceNotes(silent, keptSizes);
  return { axes, ...geometryOf(diagonal, origin, refuse), geometryNotes };
}

function threeAxes(axes: readonly number[], sizes: readonly number[], refuse: Refuse): void {
  const others = sizes.filter((_, axis) => !axes.includes(axis));
  if (axes.length === 3 && others.every((n) => n === 1)) return;
  const problem = `expected one 3D volume, it is ${sizes.length}D: ${sizes.join(" x ")}`;
  refuse(problem, "Save each time point or channel as a separate file.");
}

function endianOf(fields: Fields, dtype: VoxelDtype, text: boolean, refuse: Refuse): boolean {
  const endian = fields.get("endian")?.toLowerCase();
  if (endian === "little" || endian === "big") return endian === "little";
  if (endian === undefined && (text || VOXEL_BYTES[dtype] === 1)) return true;
  return refuse(
    `expected the field endian, little or big, it is ${endian ?? "missing"}`,
    "Correct the header.",
  );
}

function locationOf(
  fields: Fields,
  end: number | null,
  inflatedFirst: boolean,
  refuse: Refuse,
): Pick<RasterHeader, "dataFile" | "dataOffset" | "fromEnd" | "skip"> {
  const lines = Number(fields.get("lineskip") ?? 0);
  if (lines !== 0)
    refuse(`its voxels begin after ${lines} lines of text`, "Save it again as one .nrrd file.");
  const skip = Number(fields.get("byteskip") ?? 0);
  if (!Number.isSafeInteger(skip) || skip < -1 || (skip === -1 && inflatedFirst))
    refuse(`expected a byte skip >= 0, or -1 with raw encoding, it is ${skip}`, "Correct the header.");
  const name = fields.get("datafile") ?? null;
  if (name !== null && (/^LIST\b/.test(name) || /%\d*d/.test(name)))
    refuse("its voxels are spread over several files", "Save it again as one .nrrd file.");
  const dataFile = name === null ? null : checkedDataFile(name, refuse);
  const dataOffset = dataFile === null ? (end ?? 0) : 0;
  return { dataFile, dataOffset, fromEnd: skip === -1, skip: Math.max(skip, 0) };
}
