import { crc32OfBytes } from "./crc32.js";
import { closeSync, openSync, writeSync } from "node:fs";
import { deflateRawSync } from "node:zlib";

export interface ZipMember {
  name: string;
  data: Uint8Array;
  /** Default 8, deflate. Other methods keep the bytes as they are. */
  method?: number;
  flags?: number;
  /** Uncompressed size that the headers declare; default the true one. */
  declared?: number;
  crc?: number;
  /** The compressed bytes, where they are available. */
  stored?: Uint8Array;
}

/**
 * A zip archive whose headers may be wrong (APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16), for tests alone.
 * @param repeat how often the directory lists the first member, as in bombs of overlapping files
 */
export function zipOf(members: readonly ZipMember[], { repeat = 1 } = {}): Uint8Array {
  const locals: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let at = 0;
  for (const member of members) {
    const stored = member.stored ?? ((member.method ?? 8) === 8 ? deflateRawSync(member.data) : member.data);
    const local = header(member, stored, "local", 0, member.name);
    for (let k = 0; k < repeat; k++)
      central.push(header(member, stored, "central", at, k === 0 ? member.name : `${member.name}${k}`));
    locals.push(local, stored);
    at += local.length + stored.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(central.length, 8);
  end.writeUInt16LE(central.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return new Uint8Array(Buffer.concat([...locals, directory, end]));
}

/** Members of a directory that a zip without zip64 can count. */
const MOST = 0xffff;
/** Number of bytes of headers and contents that are written at once. */
const PIECE = 2 ** 20;

/** Writes an archive of any number of members, one after the other; of more than 65 535 it is zip64 (4.3.14, 4.3.15). */
export function writeZip(path: string, members: Iterable<ZipMember>): void {
  const file = openSync(path, "w");
  try {
    let [at, count] = [0, 0];
    const central: Uint8Array[] = [];
    let waiting: Uint8Array[] = [];
    const write = (...pieces: Uint8Array[]) => {
      waiting.push(...pieces);
      at += pieces.reduce((sum, { length }) => sum + length, 0);
      if (waiting.length * 300 < PIECE) return;
      writeSync(file, Buffer.concat(waiting));
      waiting = [];
    };
    for (const member of members) {
      const stored = member.stored ?? deflateRawSync(member.data);
      central.push(header(member, stored, "central", at, member.name));
      write(header(member, stored, "local", 0, member.name), stored);
      count++;
    }
    const directory = Buffer.concat(central);
    const end = endOfDirectory(count, directory.length, at);
    writeSync(file, Buffer.concat([...waiting, directory, end]));
  } finally {
    closeSync(file);
  }
}

/** Of zip64 where there are more members than the old record counts, with its locator. */
function endOfDirectory(count: number, size: number, at: number): Uint8Array {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  for (const offset of [8, 10]) end.writeUInt16LE(Math.min(count, MOST), offset);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(at, 16);
  if (count < MOST) return end;
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  for (const offset of [12, 14]) record.writeUInt16LE(45, offset);
  [count, count, size, at].forEach((value, k) => record.writeBigUInt64LE(BigInt(value), 24 + 8 * k));
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(at + size), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator, end]);
}

function header(
  member: ZipMember,
  stored: Uint8Array,
  kind: "local" | "central",
  offset: number,
  name: string,
): Buffer {
  const { data, method = 8, flags = 0, declared = data.length, crc = crc32OfBytes(data) } = member;
  const label = Buffer.from(name, "utf8");
  const isCentral = kind === "central";
  const bytes = Buffer.alloc(isCentral ? 46 : 30);
  bytes.writeUInt32LE(isCentral ? 0x02014b50 : 0x04034b50, 0);
  let at = isCentral ? 6 : 4;
  const short = (value: number) => (at = bytes.writeUInt16LE(value, at));
  const long = (value: number) => (at = bytes.writeUInt32LE(value, at));
  if (isCentral) bytes.writeUInt16LE(20, 4);
  [20, flags | 0x800, method, 0, 0x21].forEach(short);
  [crc >>> 0, stored.length, declared].forEach(long);
  [label.length, 0].forEach(short);
  if (isCentral) bytes.writeUInt32LE(offset, 42);
  return Buffer.concat([bytes, label]);
}
