import { raster } from "../fixtures.js";
import { changed, copy, cut, header, type FormatCase } from "./case.js";

const rasterRead = (
  format: FormatCase["format"],
  what: string,
  ...names: [string, ...string[]]
): FormatCase => ({
  format,
  what,
  make: copy(raster, ...names),
  outcome: "read",
});
const nrrdRefused = (what: string, outcome: RegExp, ...words: [string | RegExp, string][]): FormatCase => ({
  format: "NRRD",
  what,
  make: header(raster("int16.nrrd"), ...words),
  outcome,
});

export const nrrdCases: FormatCase[] = [
  rasterRead("NRRD", "raw: whole numbers and floats of 8 to 64 bits (here int16)", "int16.nrrd"),
  rasterRead("NRRD", "gzip, big endian", "float32_big_endian_gzip.nrrd"),
  rasterRead("NRRD", "ascii", "ascii.nrrd"),
  rasterRead("NRRD", "space RAS", "ras.nrrd"),
  rasterRead("NRRD", "space LAS", "las.nrrd"),
  rasterRead("NRRD", "without space: axes along L, P, S, spacings and axis mins kept", "without_space.nrrd"),
  rasterRead("NRRD", "detached header and raw data", "detached.nhdr", "detached.raw"),
  rasterRead("NRRD", "detached header and gzipped data", "detached_gzip.nhdr", "detached_gzip.raw.gz"),
  rasterRead("NRRD", "byte skip", "byte_skip.nrrd"),
  rasterRead("NRRD", "a fourth axis of 1", "one_channel.nrrd"),
  nrrdRefused(
    "4D",
    /it is 4D/,
    ["dimension: 3", "dimension: 4"],
    ["sizes: 5 4 3", "sizes: 5 2 2 3"],
    ["directions: ", "directions: none "],
  ),
  nrrdRefused("bzip2", /bzip2/, ["encoding: raw", "encoding: bzip2"]),
  nrrdRefused("hex", /hex/, ["encoding: raw", "encoding: hex"]),
  nrrdRefused("type block", /block/, ["type: short", "type: block"]),
  nrrdRefused("another space", /scanner-xyz/, ["space: left-posterior-superior", "space: scanner-xyz"]),
  nrrdRefused("no byte order", /endian/, ["endian: little\n", ""]),
  {
    ...nrrdRefused("byte skip -1 behind other bytes", /cannot distinguish a truncated file/),
    make: header(raster("byte_skip.nrrd"), ["byte skip: 7", "byte skip: -1"]),
  },
  nrrdRefused("lines to skip", /lines of text/, ["encoding: raw", "encoding: raw\nline skip: 2"]),
  {
    ...nrrdRefused("data files LIST or %03d", /several files/),
    make: header(raster("detached.nhdr"), ["data file: detached.raw", "data file: LIST"]),
  },
  {
    ...nrrdRefused("a data file elsewhere", /outside of its folder/),
    make: header(raster("detached.nhdr"), ["data file: detached.raw", "data file: ../../secret.raw"]),
  },
  { ...nrrdRefused("cut", /file holds/), make: changed(raster("int16.nrrd"), "a.nrrd", cut) },
  {
    ...nrrdRefused("cut, gzip", /ends early/),
    make: changed(raster("int16_big_endian_gzip.nrrd"), "a.nrrd", cut),
  },
  {
    ...nrrdRefused("cut, ascii", /values as text|white space/),
    make: changed(raster("ascii.nrrd"), "a.nrrd", cut),
  },
];

const metaRefused = (what: string, outcome: RegExp, ...words: [string | RegExp, string][]): FormatCase => ({
  format: "MetaImage",
  what,
  make: header(raster("int16.mha"), ...words),
  outcome,
});
export const metaImageCases: FormatCase[] = [
  rasterRead("MetaImage", ".mha: whole numbers and floats of 8 to 64 bits (here int16)", "int16.mha"),
  rasterRead("MetaImage", "zlib, big endian", "float32_msb_zlib.mha"),
  rasterRead("MetaImage", "zlib without CompressedDataSize", "without_compressed_size.mha"),
  rasterRead("MetaImage", "text (BinaryData = False)", "text.mha"),
  rasterRead("MetaImage", ".mhd and .raw", "plain.mhd", "plain.raw"),
  rasterRead("MetaImage", ".mhd and .zraw", "zlib.mhd", "zlib.zraw"),
  rasterRead("MetaImage", "HeaderSize", "header_size.mhd", "header_size.raw"),
  rasterRead("MetaImage", "NDims = 4 with a last size of 1", "four_of_one.mha"),
  metaRefused("4D", /it is 4D/, ["NDims = 3", "NDims = 4"], ["DimSize = 5 4 3", "DimSize = 5 2 2 3"]),
  metaRefused("2D", /it is 2D/, ["NDims = 3", "NDims = 2"], ["DimSize = 5 4 3", "DimSize = 5 12"]),
  metaRefused("channels", /2 channels/, ["ElementType", "ElementNumberOfChannels = 2\nElementType"]),
  metaRefused("an array or unknown type", /MET_SHORT_ARRAY/, ["MET_SHORT", "MET_SHORT_ARRAY"]),
  metaRefused("slope or offset", /slope and offset/, [
    "ElementType",
    "ElementToIntensityFunctionSlope = 2\nElementType",
  ]),
  metaRefused("HeaderSize -1 behind other bytes", /cannot distinguish a truncated file/, [
    "ElementDataFile = LOCAL\n",
    "HeaderSize = -1\nElementDataFile = LOCAL\nrubbish",
  ]),
  metaRefused("data files LIST or %03d", /several files/, [
    "ElementDataFile = LOCAL",
    "ElementDataFile = a%03d.raw 1 3 1",
  ]),
  metaRefused("a data file elsewhere", /outside of its folder/, [
    "ElementDataFile = LOCAL",
    "ElementDataFile = /a.raw",
  ]),
  metaRefused("a matrix that is none", /directions of length 1/, [
    /TransformMatrix = .*/,
    "TransformMatrix = 0 0 0 0 1 0 0 0 1",
  ]),
  { ...metaRefused("cut", /file holds/), make: changed(raster("int16.mha"), "a.mha", cut) },
  { ...metaRefused("cut, zlib", /ends early/), make: changed(raster("int16_msb_zlib.mha"), "a.mha", cut) },
];
