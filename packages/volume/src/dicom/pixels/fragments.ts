import { damaged } from "../damage.js";
import type { PixelLayout } from "../image.js";

interface Fragment {
  /** Offset of its item tag from the first byte after the basic offset table. */
  offset: number;
  bytes: Uint8Array;
}

const ITEM = 0xe000fffe; // as little-endian bytes FE FF 00 E0
const SEQUENCE_END = 0xe0ddfffe;

/**
 * The compressed frames of encapsulated pixel data (PS3.5 A.4): located by the extended offset table, else by the basic
 * one, else by the start of a codestream.
 * @param bytes the whole file  @returns one array per frame  @throws VolumeFormatError
 */
export function encapsulatedFrames(
  bytes: Uint8Array,
  layout: PixelLayout,
  isRle: boolean,
  file: string,
): Uint8Array[] {
  const { table, fragments } = readItems(bytes, layout.data.offset, file);
  const { frames } = layout;
  if (fragments.length < frames) {
    throw damaged(
      file,
      `its header says ${frames} frames, its pixel data holds ${fragments.length} fragments`,
    );
  }
  if (frames === 1) return [joined(fragments)];
  const starts = extendedOffsets(bytes, layout) ?? (table.length > 0 ? table : undefined);
  if (starts !== undefined) return byOffsets(fragments, starts, frames, file);
  if (fragments.length === frames) return fragments.map(({ bytes }) => bytes);
  if (isRle)
    throw damaged(
      file,
      `expected one RLE fragment per frame, found ${fragments.length} for ${frames} frames`,
    );
  return byOffsets(
    fragments,
    fragments.filter(({ bytes }) => beginsCodestream(bytes)).map(({ offset }) => offset),
    frames,
    file,
  );
}

function readItems(
  bytes: Uint8Array,
  start: number,
  file: string,
): { table: number[]; fragments: Fragment[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const items: Fragment[] = [];
  let first = start;
  for (let at = start; ;) {
    if (at + 8 > bytes.length) throw damaged(file, "its compressed pixel data ends early");
    const [tag, length] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if (tag === SEQUENCE_END) break;
    if (tag !== ITEM) throw damaged(file, `expected a fragment of pixel data at byte ${at}`);
    if (at + 8 + length > bytes.length) throw damaged(file, "its compressed pixel data ends early");
    items.push({ offset: at - first, bytes: bytes.subarray(at + 8, at + 8 + length) });
    at += 8 + length;
    // Offsets count from the end of the first item, which is the table.
    if (items.length === 1) first = at;
  }
  const [head, ...fragments] = items;
  if (head === undefined || head.bytes.length % 4 !== 0)
    throw damaged(file, "its basic offset table is missing");
  const entries = new DataView(head.bytes.buffer, head.bytes.byteOffset, head.bytes.byteLength);
  const table = Array.from({ length: head.bytes.length / 4 }, (_, i) => entries.getUint32(i * 4, true));
  return { table, fragments: fragments.filter(({ bytes }) => bytes.length > 0) };
}

/** 64-bit offsets of each frame's first item. */
function extendedOffsets(bytes: Uint8Array, { offsets, frames }: PixelLayout): number[] | undefined {
  if (offsets === undefined || offsets.length !== frames * 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offsets.offset, offsets.length);
  return Array.from({ length: frames }, (_, i) => Number(view.getBigUint64(i * 8, true)));
}

function byOffsets(
  fragments: readonly Fragment[],
  starts: readonly number[],
  frames: number,
  file: string,
): Uint8Array[] {
  const first = starts.map((start) => fragments.findIndex(({ offset }) => offset === start));
  const rises = first.every(
    (index, i) => index >= 0 && (i === 0 ? index === 0 : index > (first[i - 1] as number)),
  );
  if (starts.length !== frames || !rises) {
    throw damaged(file, `its ${fragments.length} fragments cannot be divided among its ${frames} frames`);
  }
  return first.map((from, i) => joined(fragments.slice(from, first[i + 1] ?? fragments.length)));
}

/** Start of image of JPEG and JPEG-LS, start of codestream of JPEG 2000. */
function beginsCodestream([a, b, c]: Uint8Array): boolean {
  return a === 0xff && ((b === 0xd8 && c === 0xff) || (b === 0x4f && c === 0xff));
}

function joined(fragments: readonly Fragment[]): Uint8Array {
  if (fragments.length === 1) return (fragments[0] as Fragment).bytes;
  const all = new Uint8Array(fragments.reduce((sum, { bytes }) => sum + bytes.length, 0));
  let at = 0;
  for (const { bytes } of fragments) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}
