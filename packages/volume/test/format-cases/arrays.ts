import { encodeNpyHeader } from "../../src/index.js";
import { fixture } from "../fixtures.js";
import { zipOf } from "../zip-writer.js";
import { changed, copy, cut, written, type FormatCase, type Make } from "./case.js";

const npyOf = (shape: number[]): Uint8Array =>
  Buffer.concat([encodeNpyHeader("int16", shape), Buffer.alloc(2 * shape.reduce((a, b) => a * b, 1))]);
const npyCase = (what: string, outcome: FormatCase["outcome"], make: Make): FormatCase => ({
  format: "npy",
  what,
  make,
  outcome,
});
export const npyCases: FormatCase[] = [
  npyCase(
    "(H, W, slices): whole numbers, floats from 16 to 64 bits, bool",
    "read",
    copy(fixture, "npy_int16.npy"),
  ),
  npyCase("big endian", "read", copy(fixture, "npy_float64_big_endian.npy")),
  npyCase("Fortran order", "read", copy(fixture, "npy_fortran.npy")),
  npyCase("a stack (N, H, W, slices)", /stack of volumes/, (folder) =>
    written(folder, "ct_0.npy", npyOf([2, 3, 4, 5])),
  ),
  npyCase("two axes", /its shape is \(3, 4\)/, (folder) => written(folder, "a.npy", npyOf([3, 4]))),
  npyCase("Python objects", /Python objects/, copy(fixture, "refused_object.npy")),
  npyCase("structured", /structured/, copy(fixture, "refused_structured.npy")),
  npyCase("complex", /dtype is <c8/, copy(fixture, "refused_complex.npy")),
  npyCase("text", /dtype is <U2/, copy(fixture, "refused_text.npy")),
  npyCase("whole numbers beyond 2^53", /2\^53/, copy(fixture, "refused_int64.npy")),
  npyCase("cut", /the file holds/, changed(fixture("npy_int16.npy"), "a.npy", cut)),
];

const npzOf =
  (arrays: Record<string, number[]>): Make =>
  (folder) => {
    const members = Object.entries(arrays).map(([name, shape]) => ({
      name: `${name}.npy`,
      data: npyOf(shape),
    }));
    return written(folder, "a.npz", zipOf(members));
  };
const medmnist = Object.fromEntries(
  ["train", "val", "test"].flatMap((part) => [
    [`${part}_images`, [2, 3, 3, 3]],
    [`${part}_labels`, [2, 1]],
  ]),
);
export const npzCases: FormatCase[] = [
  {
    format: "npz",
    what: "one array (H, W, slices), others with fewer axes",
    make: npzOf({ a: [3, 4, 5], b: [2] }),
    outcome: "read",
  },
  { format: "npz", what: "MedMNIST", make: npzOf(medmnist), outcome: /layout of MedMNIST/ },
  {
    format: "npz",
    what: "several volumes",
    make: npzOf({ a: [3, 4, 5], b: [3, 4, 5] }),
    outcome: /one array with three axes/,
  },
];
