import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
  assertVolume,
  isMedmnist,
  Medmnist,
  parseVolume,
  type NpyArray,
  type Volume,
} from "../../src/index.js";
import {
  openNpyFile,
  openNpzFile,
  openZipFile,
  readMetaImage,
  readNifti,
  readNrrd,
  readSlice,
} from "../../src/node.js";
import { fixture } from "../fixtures.js";
import {
  detached,
  made,
  metaSeeds,
  niftiBomb,
  niftiNames,
  niftiPair,
  niftiZipped,
  npyNames,
  npzSeeds,
  nrrdSeeds,
  seedsOf,
  together,
  zipSeeds,
  type Seed,
} from "./seeds.js";

/**
 * One format under test. A row is all that a new one needs.
 * `read` reads the file wholly and gives a fingerprint of what it held, or throws a typed error.
 */
export interface HostileFormat {
  name: string;
  seeds: () => Promise<Seed[]>;
  read: (path: string) => Promise<string>;
}

/** Shape, geometry and every value. @throws where the data do not match the shape */
export function fingerprint(volume: Volume): string {
  assertVolume(volume);
  const { shape, spacing, origin, direction, data } = volume;
  const hash = createHash("sha256").update(
    JSON.stringify([shape, spacing, origin, direction, data.constructor.name]),
  );
  return hash.update(data).digest("hex");
}

/** @throws where the data do not match the shape */
export function arrayFingerprint({ shape, dtype, data }: NpyArray): string {
  const count = shape.reduce((product, n) => product * n, 1);
  if (data.length !== count) throw new Error(`${data.length} values for the shape (${shape.join(", ")})`);
  return createHash("sha256")
    .update(JSON.stringify([shape, dtype]))
    .update(data)
    .digest("hex");
}

const inMemory = async (path: string) =>
  fingerprint((await parseVolume(await readFile(path), { file: path })).volume);

async function readNpz(path: string): Promise<string> {
  await using opened = await openNpzFile(path);
  const { npz } = opened;
  const found: string[] = [];
  for (const [name, stack] of npz.arrays) found.push(name, arrayFingerprint(await stack.read()));
  for (const [name, error] of npz.refused) found.push(name, error.problem);
  if (!isMedmnist(npz)) return found.join(" ");
  const set = await Medmnist.open(npz);
  for (const part of ["train", "val", "test"] as const)
    for await (const { volume, label } of set.inOrder(part)) found.push(`${label}`, fingerprint(volume));
  return found.join(" ");
}

/** Reads everything in chunks, like a reader of DICOM in zip. */
async function readZip(path: string): Promise<string> {
  await using archive = await openZipFile(path);
  const hash = createHash("sha256");
  for (const entry of archive.entries) {
    hash.update(entry.name);
    let bytes = 0;
    for await (const piece of entry.stream()) {
      bytes += piece.length;
      hash.update(piece);
    }
    if (bytes !== entry.size) throw new Error(`${entry.name}: ${bytes} bytes, announced ${entry.size}`);
  }
  return hash.digest("hex");
}

async function readItems(path: string): Promise<string> {
  await using npy = await openNpyFile(path);
  const { stack } = npy;
  const found = [arrayFingerprint(await stack.read())];
  if (stack.shape.length === 0) return found.join(" ");
  const count = stack.shape[0] ?? 0;
  found.push(arrayFingerprint(await stack.readRange(Math.floor(count / 2), count - Math.floor(count / 2))));
  if (count <= 100) for await (const item of stack.items()) found.push(arrayFingerprint(item));
  return found.join(" ");
}

async function readPicture(path: string): Promise<string> {
  const { width, height, values_HW } = await readSlice(path);
  if (values_HW.length !== width * height)
    throw new Error(`${values_HW.length} pixels for ${width} x ${height}`);
  return createHash("sha256").update(`${width} ${height}`).update(values_HW).digest("hex");
}

export const hostileFormats: readonly HostileFormat[] = [
  {
    name: "NIfTI",
    seeds: together(seedsOf(fixture, ...niftiNames, ...niftiZipped), niftiPair, niftiBomb),
    read: async (path) => fingerprint(await readNifti(path)),
  },
  { name: "NIfTI in memory", seeds: seedsOf(fixture, ...niftiNames, ...niftiZipped), read: inMemory },
  {
    name: "NRRD",
    seeds: together(
      nrrdSeeds,
      detached("detached.nhdr", "detached.raw"),
      detached("detached_gzip.nhdr", "detached_gzip.raw.gz"),
    ),
    read: async (path) => fingerprint(await readNrrd(path)),
  },
  { name: "NRRD in memory", seeds: nrrdSeeds, read: inMemory },
  {
    name: "MetaImage",
    seeds: together(metaSeeds, detached("plain.mhd", "plain.raw"), detached("zlib.mhd", "zlib.zraw")),
    read: async (path) => fingerprint(await readMetaImage(path)),
  },
  { name: "MetaImage in memory", seeds: metaSeeds, read: inMemory },
  { name: "npy", seeds: seedsOf(fixture, ...npyNames), read: readItems },
  { name: "npz", seeds: npzSeeds, read: readNpz },
  { name: "zip", seeds: zipSeeds, read: readZip },
  { name: "PNG and JPEG", seeds: made("PNG and JPEG"), read: readPicture },
];
