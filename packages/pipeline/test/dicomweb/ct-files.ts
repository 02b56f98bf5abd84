/** DICOM files of a small CT series, explicit VR little endian: enough for a PACS to take and for `predict` to read. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface CtSeries {
  study: string;
  series: string;
  slices: number;
  size: number;
  modality?: string;
  description?: string;
}

const CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT_LITTLE = "1.2.840.10008.1.2.1";

/** @returns paths of the files, in the order of the slices */
export function writeCt(folder: string, series: CtSeries): string[] {
  mkdirSync(folder, { recursive: true });
  return Array.from({ length: series.slices }, (_, k) => {
    const file = join(folder, `slice${k}.dcm`);
    writeFileSync(file, slice(series, k));
    return file;
  });
}

function slice(
  { study, series, slices, size, modality = "CT", description = "chest" }: CtSeries,
  k: number,
): Buffer {
  const instance = `${series}.${k + 1}`;
  const meta = Buffer.concat([
    element(0x0002, 0x0001, "OB", Buffer.from([0, 1])),
    text(0x0002, 0x0002, "UI", CT_IMAGE),
    text(0x0002, 0x0003, "UI", instance),
    text(0x0002, 0x0010, "UI", EXPLICIT_LITTLE),
    text(0x0002, 0x0012, "UI", "1.2.3"),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  const dataset = [
    text(0x0008, 0x0008, "CS", "ORIGINAL\\PRIMARY\\AXIAL"),
    text(0x0008, 0x0016, "UI", CT_IMAGE),
    text(0x0008, 0x0018, "UI", instance),
    text(0x0008, 0x0020, "DA", "20260101"),
    text(0x0008, 0x0060, "CS", modality),
    text(0x0008, 0x103e, "LO", description),
    text(0x0010, 0x0010, "PN", "Test^Phantom"),
    text(0x0010, 0x0020, "LO", "P1"),
    text(0x0018, 0x0050, "DS", "3"),
    text(0x0020, 0x000d, "UI", study),
    text(0x0020, 0x000e, "UI", series),
    text(0x0020, 0x0013, "IS", String(k + 1)),
    text(0x0020, 0x0032, "DS", `0\\0\\${3 * k}`),
    text(0x0020, 0x0037, "DS", "1\\0\\0\\0\\1\\0"),
    text(0x0020, 0x0052, "UI", `${study}.9`),
    short(0x0028, 0x0002, 1),
    text(0x0028, 0x0004, "CS", "MONOCHROME2"),
    short(0x0028, 0x0010, size),
    short(0x0028, 0x0011, size),
    text(0x0028, 0x0030, "DS", "5\\5"),
    short(0x0028, 0x0100, 16),
    short(0x0028, 0x0101, 16),
    short(0x0028, 0x0102, 15),
    short(0x0028, 0x0103, 1),
    text(0x0028, 0x1052, "DS", "0"),
    text(0x0028, 0x1053, "DS", "1"),
    element(0x7fe0, 0x0010, "OW", pixels(size, k, slices)),
  ];
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from("DICM"),
    element(0x0002, 0x0000, "UL", length),
    meta,
    ...dataset,
  ]);
}

/** A body with two lungs. */
function pixels(size: number, k: number, slices: number): Buffer {
  const values = new Int16Array(size * size);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const [u, v, w] = [x / size - 0.5, y / size - 0.5, k / slices - 0.5];
      const isBody = Math.hypot(u, 1.2 * v) < 0.45;
      const isLung = Math.hypot(Math.abs(u) - 0.2, v, w) < 0.15;
      values[y * size + x] = isLung ? -850 : isBody ? 40 : -1000;
    }
  return Buffer.from(values.buffer);
}

function element(group: number, tag: number, vr: string, value: Buffer): Buffer {
  const isLong = ["OB", "OW"].includes(vr);
  const header = Buffer.alloc(isLong ? 12 : 8);
  header.writeUInt16LE(group, 0);
  header.writeUInt16LE(tag, 2);
  header.write(vr, 4, "latin1");
  if (isLong) header.writeUInt32LE(value.length, 8);
  else header.writeUInt16LE(value.length, 6);
  return Buffer.concat([header, value]);
}

function text(group: number, tag: number, vr: string, value: string): Buffer {
  const odd = value.length % 2 === 1;
  return element(group, tag, vr, Buffer.from(odd ? value + (vr === "UI" ? "\0" : " ") : value, "latin1"));
}

function short(group: number, tag: number, value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return element(group, tag, "US", bytes);
}
