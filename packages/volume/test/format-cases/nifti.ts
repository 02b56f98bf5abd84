import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fixture } from "../fixtures.js";
import { changed, copy, cut, set, written, type FormatCase, type Make } from "./case.js";

const nifti = (name: string, what: string): FormatCase => ({
  format: "NIfTI",
  what,
  make: copy(fixture, name),
  outcome: "read",
});
const niftiRefused = (what: string, outcome: RegExp, make: Make): FormatCase => ({
  format: "NIfTI",
  what,
  make,
  outcome,
});
const int16 = fixture("int16.nii");

const pair =
  (names: [string, string] | [string], compress = false): Make =>
  async (folder) => {
    const bytes = await readFile(int16);
    bytes.write("ni1", 344, "latin1");
    bytes.writeFloatLE(0, 108);
    const halves = [bytes.subarray(0, 352), bytes.subarray(352)];
    for (const [k, name] of names.entries()) {
      const half = halves[k] ?? bytes;
      await written(folder, name, compress ? gzipSync(half) : half);
    }
    return join(folder, names[0]);
  };

export const niftiCases: FormatCase[] = [
  nifti("int16.nii", "whole numbers and floats of 8 to 64 bits (here int16)"),
  nifti("float32_big_endian.nii", "big endian"),
  nifti("int16.nii.gz", "gzipped"),
  nifti("nifti2_big_endian.nii.gz", "NIfTI-2"),
  nifti("slope_half.nii", "slope and intercept: whole results stay whole numbers, others become float32"),
  nifti("qform_only.nii", "qform without sform"),
  nifti("sform_sheared.nii", "oblique or sheared axes"),
  nifti("pixdim_only.nii", "neither form: axes along R, A, S, by the standard's method 1"),
  nifti("metres.nii", "geometry in metres or micrometres"),
  nifti("trailing_singletons.nii", "4D and 5D with last axes of 1"),
  { format: "NIfTI", what: ".hdr and .img pair", make: pair(["a.hdr", "a.img"]), outcome: "read" },
  {
    format: "NIfTI",
    what: ".hdr.gz and .img.gz pair",
    make: pair(["a.hdr.gz", "a.img.gz"], true),
    outcome: "read",
  },
  niftiRefused("4D", /it is 4D/, copy(fixture, "four_dimensional.nii")),
  niftiRefused("complex", /complex/, copy(fixture, "complex.nii")),
  niftiRefused(
    "RGB",
    /RGB/,
    changed(
      int16,
      "a.nii",
      set((bytes) => bytes.writeInt16LE(128, 70)),
    ),
  ),
  niftiRefused(
    "float128",
    /float128/,
    changed(
      int16,
      "a.nii",
      set((bytes) => bytes.writeInt16LE(1536, 70)),
    ),
  ),
  niftiRefused(
    "Analyze 7.5",
    /Analyze/,
    changed(
      int16,
      "a.hdr",
      set((bytes) => bytes.fill(0, 344, 348)),
    ),
  ),
  niftiRefused("half of a pair", /not beside it/, pair(["a.hdr"])),
  niftiRefused("cut", /the file holds/, changed(int16, "a.nii", cut)),
  niftiRefused("cut, gzipped", /ends early/, changed(fixture("int16.nii.gz"), "a.nii.gz", cut)),
  niftiRefused(
    "gzipped, a bit wrong",
    /damaged/,
    changed(
      fixture("int16.nii.gz"),
      "a.nii.gz",
      set((bytes) => (bytes[bytes.length - 6] = 0)),
    ),
  ),
  niftiRefused(
    "named .nii.gz, neither gzip nor NIfTI",
    /no signature of a known format/,
    changed(int16, "a.nii.gz", (bytes) => bytes.fill(7)),
  ),
  niftiRefused("gzip of something else", /its content is not NIfTI/, (folder) =>
    written(folder, "a.nii.gz", gzipSync("hello, this is text")),
  ),
  niftiRefused(
    "sizes that the file cannot hold",
    /declares|file holds/,
    changed(
      int16,
      "a.nii",
      set((bytes) => bytes.writeInt16LE(32767, 42)),
    ),
  ),
  niftiRefused(
    "axes that are not independent",
    /three independent finite axes/,
    changed(
      int16,
      "a.nii",
      set((bytes) => bytes.fill(0, 280, 296)),
    ),
  ),
];
