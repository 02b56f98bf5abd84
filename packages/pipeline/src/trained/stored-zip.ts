/** Writes a zip with uncompressed members: weights do not compress, and a reader can seek to each member. */
import CRC32 from "crc-32";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { AtomicFileWriter } from "../data/atomic.js";
import { BundleError } from "./bundle-error.js";

/** Bytes in memory, or a file that is copied in pieces. */
export interface Member {
  name: string;
  content: Uint8Array | { file: string };
}

const PIECE = 2 ** 22;
/** Sizes and offsets have 32 bits without the zip64 extension, which models do not need. */
const MOST = 2 ** 32 - 1;
/** 1 January 1980, the first date of the format. A fixed date makes the bytes reproducible. */
const DATE = 0x0021;
const VERSION = 20;
/** Names are UTF-8. */
const FLAGS = 0x0800;

interface Placed {
  name: Buffer;
  crc: number;
  bytes: number;
  at: number;
}

/**
 * Writes the file atomically. @throws BundleError beyond 4 GiB   @throws Error of the file system
 */
export function writeStoredZip(path: string, members: readonly Member[]): void {
  const writer = new AtomicFileWriter(path);
  try {
    let at = 0;
    const write = (bytes: Uint8Array) => {
      writer.write(bytes);
      at += bytes.length;
      if (at > MOST)
        throw new BundleError(path, "would be larger than 4 GiB", "Export the members separately.");
    };
    const placed = members.map((member): Placed => {
      const facts = { name: Buffer.from(member.name), ...checked(member), at };
      write(localHeader(facts));
      for (const piece of piecesOf(member)) write(piece);
      return facts;
    });
    const start = at;
    for (const member of placed) write(directoryEntry(member));
    write(endOfDirectory(placed.length, at - start, start));
    writer.commit();
  } catch (error) {
    writer.abort();
    throw error;
  }
}

function checked(member: Member): { crc: number; bytes: number } {
  let [crc, bytes] = [0, 0];
  for (const piece of piecesOf(member)) {
    crc = CRC32.buf(piece, crc);
    bytes += piece.length;
  }
  return { crc: crc >>> 0, bytes };
}

function* piecesOf({ content }: Member): Iterable<Uint8Array> {
  if (content instanceof Uint8Array) return void (yield content);
  const descriptor = openSync(content.file, "r");
  try {
    const { size } = fstatSync(descriptor);
    for (let done = 0; done < size;) {
      const piece = Buffer.alloc(Math.min(PIECE, size - done));
      const got = readSync(descriptor, piece, 0, piece.length, done);
      if (got === 0) return;
      done += got;
      yield piece.subarray(0, got);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** APPNOTE.TXT of PKWARE, 4.3.7. */
function localHeader({ name, crc, bytes }: Placed): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  common(header, 4, crc, bytes, name.length);
  return Buffer.concat([header, name]);
}

/** 4.3.12. */
function directoryEntry({ name, crc, bytes, at }: Placed): Buffer {
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(VERSION, 4);
  common(header, 6, crc, bytes, name.length);
  header.writeUInt32LE(at, 42);
  return Buffer.concat([header, name]);
}

/** The part that both headers share, from the required version to the length of the name. */
function common(header: Buffer, from: number, crc: number, bytes: number, name: number): void {
  header.writeUInt16LE(VERSION, from);
  header.writeUInt16LE(FLAGS, from + 2);
  header.writeUInt16LE(0, from + 4); // stored
  header.writeUInt16LE(0, from + 6);
  header.writeUInt16LE(DATE, from + 8);
  header.writeUInt32LE(crc, from + 10);
  header.writeUInt32LE(bytes, from + 14);
  header.writeUInt32LE(bytes, from + 18);
  header.writeUInt16LE(name, from + 22);
}

/** 4.3.16. */
function endOfDirectory(count: number, bytes: number, at: number): Buffer {
  const header = Buffer.alloc(22);
  header.writeUInt32LE(0x06054b50, 0);
  header.writeUInt16LE(count, 8);
  header.writeUInt16LE(count, 10);
  header.writeUInt32LE(bytes, 12);
  header.writeUInt32LE(at, 16);
  return header;
}
