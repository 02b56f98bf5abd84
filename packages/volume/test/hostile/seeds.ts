import { readdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import { fixture, raster } from "../fixtures.js";
import { formatCases } from "../format-cases/all.js";
import { zipOf } from "../zip-writer.js";

/** A complete file that is read without an error. */
export interface Seed {
  /** The name under which the mutated file is written; its extension may matter. */
  file: string;
  bytes: Uint8Array;
  /** Companion files that are left intact: the other half of a pair. */
  beside?: Record<string, Uint8Array>;
  /** How to reach the packed content, so that mutations get past the compression. */
  packing?: Packing;
  /** True where the seed itself is refused, because it would exhaust memory. */
  bomb?: boolean;
}

export interface Packing {
  open: (bytes: Uint8Array) => Uint8Array;
  close: (content: Uint8Array) => Uint8Array;
}

const gzip: Packing = {
  open: (bytes) => gunzipSync(bytes),
  close: (content) => gzipSync(content, { level: 1 }),
};

export const seedsOf =
  (from: (name: string) => string, ...names: string[]) =>
  (): Promise<Seed[]> =>
    Promise.all(
      names.map(async (file) => ({
        file,
        bytes: new Uint8Array(await readFile(from(file))),
        ...(/\.gz$/.test(file) ? { packing: gzip } : {}),
      })),
    );

/** A text header, then packed voxels: packs what follows the last line of the header. */
const behindHeader = (end: RegExp, open: Packing["open"], close: Packing["close"]): Packing => {
  const split = (bytes: Uint8Array) => {
    const match = end.exec(Buffer.from(bytes).toString("latin1"));
    const at = match === null ? 0 : match.index + match[0].length;
    return [bytes.subarray(0, at), bytes.subarray(at)] as const;
  };
  let header: Uint8Array = new Uint8Array(0);
  return {
    open(bytes) {
      const [head, packed] = split(bytes);
      header = head;
      return open(packed);
    },
    close: (content) => Buffer.concat([header, close(content)]),
  };
};

/** A detached header is mutated, its data are left intact. */
export const detached = (file: string, data: string) => async (): Promise<Seed[]> => [
  {
    file,
    bytes: new Uint8Array(await readFile(raster(file))),
    beside: { [data]: new Uint8Array(await readFile(raster(data))) },
  },
];

export const together =
  (...parts: (() => Promise<Seed[]>)[]) =>
  async (): Promise<Seed[]> =>
    (await Promise.all(parts.map((part) => part()))).flat();

export async function niftiPair(): Promise<Seed[]> {
  const bytes = await readFile(fixture("int16.nii"));
  bytes.write("ni1", 344, "latin1");
  bytes.writeFloatLE(0, 108);
  const [header, image] = [bytes.subarray(0, 352), bytes.subarray(352)].map((half) => new Uint8Array(half));
  if (header === undefined || image === undefined) return [];
  return [
    { file: "a.hdr", bytes: header, beside: { "a.img": image } },
    { file: "a.img", bytes: image, beside: { "a.hdr": header } },
  ];
}

/** 16 MiB of zeros after a complete small file, in 16 KiB of gzip. */
export async function niftiBomb(): Promise<Seed[]> {
  const bytes = await readFile(fixture("int16.nii"));
  const packing = { open: gzip.open, close: bombed };
  return [{ file: "bomb.nii.gz", bytes: bombed(bytes), packing, bomb: true }];
}
const bombed = (content: Uint8Array) =>
  gzipSync(Buffer.concat([content, Buffer.alloc(2 ** 24)]), { level: 1 });

export const niftiNames = [
  "int16.nii",
  "float64_big_endian.nii",
  "nifti2.nii",
  "qform_only.nii",
  "slope_half.nii",
  "uint64_large.nii",
];
export const niftiZipped = ["int16.nii.gz", "nifti2_big_endian.nii.gz"];
const nrrdGzip = behindHeader(/\r?\n\r?\n/, gzip.open, gzip.close);
const metaZlib = behindHeader(
  /ElementDataFile.*\n/,
  (bytes) => inflateSync(bytes),
  (content) => deflateSync(content),
);
const packed = (seeds: () => Promise<Seed[]>, packing: Packing) => async () =>
  (await seeds()).map((seed) => ({ ...seed, packing }));

export const nrrdSeeds = together(
  seedsOf(
    raster,
    "int16.nrrd",
    "float32.nrrd",
    "ascii.nrrd",
    "without_space.nrrd",
    "one_channel.nrrd",
    "byte_skip_end.nrrd",
  ),
  packed(seedsOf(raster, "int16_big_endian_gzip.nrrd", "uint64_big_endian_gzip.nrrd"), nrrdGzip),
);
export const metaSeeds = together(
  seedsOf(raster, "int16.mha", "float64.mha", "text.mha", "four_of_one.mha"),
  packed(seedsOf(raster, "int16_msb_zlib.mha", "int64_msb_zlib.mha"), metaZlib),
);
export const npyNames = readdirSync(fixture(".")).filter((name) => /^npy_.*\.npy$/.test(name));
/** The files of the table of formats, as seeds. */
export const made = (format: string) => async (): Promise<Seed[]> => {
  const seeds: Seed[] = [];
  for (const formatCase of formatCases.filter((one) => one.format === format && one.outcome === "read")) {
    const folder = await mkdtemp(join(tmpdir(), "slicestack-seeds-"));
    try {
      const path = await formatCase.make(folder);
      const names = format === "PNG and JPEG" ? readdirSync(path).map((name) => join(path, name)) : [path];
      for (const name of names)
        seeds.push({ file: name.replace(/.*\//, ""), bytes: new Uint8Array(await readFile(name)) });
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  return seeds;
};

export async function npzSeeds(): Promise<Seed[]> {
  const [a, b, c] = await Promise.all(
    ["npy_int16.npy", "npy_fortran.npy", "npy_bool.npy"].map((name) => readFile(fixture(name))),
  );
  if (a === undefined || b === undefined || c === undefined) return [];
  const images = await readFile(fixture("npy_fortran_big_endian.npy"));
  const labels = Buffer.concat([a.subarray(0, 128), a.subarray(128, 132)]);
  labels.write(labels.toString("latin1", 0, 128).replace("(2, 3, 4)", "(2, 1)   "), 0, "latin1");
  const sets = ["train", "val", "test"].flatMap((part) => [
    { name: `${part}_images.npy`, data: images },
    { name: `${part}_labels.npy`, data: labels },
  ]);
  const arrays = [
    { name: "a.npy", data: a },
    { name: "b.npy", data: b },
    { name: "c.npy", data: c },
  ];
  const stored = arrays.map((array) => ({ ...array, method: 0 }));
  return [arrays, stored, sets].map((members, k) => ({ file: `${k}.npz`, bytes: zipOf(members) }));
}

export function zipSeeds(): Promise<Seed[]> {
  const nested = zipOf([
    { name: "inner.zip", data: zipOf([{ name: "a.txt", data: Buffer.alloc(99, "text ") }]) },
  ]);
  const many = Array.from({ length: 40 }, (_, i) => ({
    name: `folder/IM${i}`,
    data: Buffer.alloc(i * 11, "slice "),
  }));
  // 16 MiB in 16 KiB, correctly declared and not.
  const zeros = Buffer.alloc(2 ** 24);
  const bomb = { name: "zeros", data: zeros, stored: deflateRawSync(zeros), crc: 0xa47ca14a };
  const lying = { ...bomb, declared: 1000 };
  const seeds = { "nested.zip": nested, "many.zip": zipOf(many), "bomb.zip": zipOf([bomb]) };
  return Promise.resolve([
    ...Object.entries(seeds).map(([file, bytes]) => ({ file, bytes })),
    { file: "lying.zip", bytes: zipOf([{ name: "a", data: Buffer.alloc(9) }, lying]), bomb: true },
  ]);
}
