/** What the tests of this folder share: phantoms, decoded pictures, DICOM files of the fixtures. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { inflateSync } from "node:zlib";
import sharp from "sharp";
import type { Volume } from "@slicestack/volume";
import { writeNifti } from "@slicestack/volume/node";
import { writeTable } from "../../src/data/csv.js";
import { planScans } from "../../src/data/phantom/plan.js";
import { drawScan } from "../../src/data/phantom/scan.js";
import { prepare, type PrepareOptions } from "../../src/tasks/prepare.js";
import type { Dataset } from "../../src/data/store.js";

const root = join(import.meta.dirname, "../../../../..");
export const sharedData = join(root, "../shared/data");

/** A chest of 48 x 48 voxels, in any orientation. */
export function phantom(orientation: Parameters<typeof drawScan>[1] = "LPS", seed = 5): Volume {
  const [plan] = planScans({ subjects: 5, seed, minimum: 1, size: 48 });
  assert.ok(plan);
  return drawScan(plan, orientation).volume;
}

/** Writes volumes as NIfTI with labels 0, 1, 0 … and prepares them. */
export async function preparedSet(
  folder: string,
  volumes: Record<string, Volume>,
  options: Partial<PrepareOptions> = {},
): Promise<{ source: string; dataset: Dataset }> {
  const source = join(folder, "scans");
  mkdirSync(source, { recursive: true });
  for (const [id, volume] of Object.entries(volumes)) await writeNifti(join(source, `${id}.nii.gz`), volume);
  const rows = Object.keys(volumes).map((id, k) => ({
    id,
    subject: `s${k}`,
    label: k % 2,
    class: k % 2 ? "ill" : "well",
  }));
  writeTable(join(source, "labels.csv"), ["id", "subject", "label", "class"], rows);
  const dataset = await prepare({
    source,
    destination: join(folder, "set"),
    size: [24, 32],
    depth: 12,
    ...options,
  });
  return { source, dataset };
}

export interface Picture {
  width: number;
  height: number;
  channels: number;
  /** Of one frame. */
  pageHeight: number;
  pages: number;
  data: Uint8Array;
}

/** A picture or film as a viewer sees it: all frames below each other; grey ones with one channel. */
export async function decoded(bytes: Uint8Array, channels: 1 | 3 = 1): Promise<Picture> {
  const { data, info } = await sharp(bytes, { pages: -1 })
    .removeAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { pageHeight = info.height, pages = 1 } = info;
  if (channels === 3) return { ...info, pageHeight, pages, data };
  for (let i = 0; i < data.length; i += 3)
    assert.ok(data[i] === data[i + 1] && data[i] === data[i + 2], "grey");
  return { ...info, channels: 1, pageHeight, pages, data: data.filter((_, i) => i % 3 === 0) };
}

/** A part of a grey picture, row by row. */
export function part({ data, width }: Picture, x: number, y: number, w: number, h: number): number[] {
  return Array.from({ length: w * h }, (_, i) => data[(y + Math.floor(i / w)) * width + x + (i % w)]!);
}

/** value → 0..255, by the definition. */
export const greyOf = (value: number, low: number, high: number): number =>
  value <= low ? 0 : value >= high ? 255 : Math.round((255 * (value - low)) / (high - low));

interface DicomCase {
  name: string;
  files: [string, number][];
}
const [stored, ...cases] = JSON.parse(readFileSync(join(root, "fixtures/dicom/series.json"), "utf8")) as [
  { dictionary: string; bytes: string[] },
  ...DicomCase[],
];
const dictionary = inflateSync(Buffer.from(stored.dictionary, "base64"));

/** Identifiers that a case gets in place of its own, of the same length. */
export interface Renamed {
  /** 2.25.N in place of 2.25.9. */
  study?: number;
  /** In place of P1. */
  patient?: string;
  /** Six letters at most, in place of Chest. */
  description?: string;
}

/** Writes the files of a case of fixtures/dicom (explicit VR) into a folder. @returns their bytes by name */
export function writeDicom(folder: string, name: string, renamed: Renamed = {}): Map<string, Buffer> {
  const found = cases.find((one) => one.name === name);
  assert.ok(found, name);
  const files = new Map<string, Buffer>();
  for (const [file, place] of found.files) {
    const bytes = Buffer.from(inflateSync(Buffer.from(stored.bytes[place]!, "base64"), { dictionary }));
    replace(bytes, [0x20, 0x00, 0x0d, 0x00], "2.25.9", renamed.study && `2.25.${renamed.study}`);
    replace(bytes, [0x10, 0x00, 0x20, 0x00], "P1", renamed.patient);
    replace(bytes, [0x08, 0x00, 0x3e, 0x10], "Chest ", renamed.description?.padEnd(6));
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), bytes);
    files.set(file, bytes);
  }
  return files;
}

/** The value of the element with this tag, where it is `from`; texts and odd files among them stay. */
function replace(bytes: Buffer, tag: readonly number[], from: string, to: string | 0 | undefined): void {
  const value = bytes.indexOf(Buffer.from(tag)) + 8;
  if (!to || value < 8 || bytes.toString("latin1", value, value + from.length) !== from) return;
  assert.equal(to.length, from.length);
  bytes.write(to, value, "latin1");
}
