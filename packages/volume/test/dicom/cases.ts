import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import type { DicomScanOptions, DicomSource, ReadDicomOptions, Volume } from "../../src/index.js";

export const root = join(import.meta.dirname, "../../../../..");

/** A line of fixtures/dicom/series.json, made by make_series.py beside it. */
export interface DicomCase {
  name: string;
  about: string;
  /** Name, and its offset in the bytes. */
  files: [string, number][];
  scan_options?: DicomScanOptions;
  options?: ReadDicomOptions;
  /** Number of series that the scan finds; default 1. */
  series?: number;
  set_aside?: [string, string][];
  volume?: { dtype: "int16" | "float32"; shape: [number, number, number]; affine: number[]; hu: string };
  /** Tolerance in stored values, where the syntax is lossy. */
  tolerance?: number;
  unit?: Volume["unit"];
  description?: string;
  /** Of the first series, if it was split. */
  part?: string;
  tilt?: number;
  filled?: [number, string, string][];
  padding_left?: number[];
  error?: string;
  format_error?: string;
  about_files?: string[];
}

const [stored, ...lines] = JSON.parse(readFileSync(join(root, "fixtures/dicom/series.json"), "utf8")) as [
  { dictionary: string; bytes: string[] },
  ...DicomCase[],
];
const dictionary = inflateSync(Buffer.from(stored.dictionary, "base64"));
export const cases: readonly DicomCase[] = lines;
export const caseOf = (name: string): DicomCase => {
  const found = cases.find((one) => one.name === name);
  if (found === undefined) throw new Error(`series.json has no case ${name}`);
  return found;
};

/** The bytes of the case, in a separate buffer. */
export const bytesOf = (place: number): Uint8Array =>
  new Uint8Array(inflateSync(Buffer.from(stored.bytes[place] as string, "base64"), { dictionary }));

/** A file in memory, as in a browser. */
export function memorySource(name: string, bytes: Uint8Array): DicomSource {
  return {
    name,
    size: bytes.length,
    read: () => Promise.resolve(bytes),
    head: (most) => Promise.resolve(bytes.subarray(0, most)),
  };
}

export const sourcesOf = (one: DicomCase): DicomSource[] =>
  one.files.map(([name, place]) => memorySource(name, bytesOf(place)));

export function expectedHu(volume: NonNullable<DicomCase["volume"]>): Int16Array | Float32Array {
  const { buffer } = new Uint8Array(inflateSync(Buffer.from(volume.hu, "base64")));
  return volume.dtype === "int16" ? new Int16Array(buffer) : new Float32Array(buffer);
}

export const sharedData = join(root, "..", "shared", "data");
