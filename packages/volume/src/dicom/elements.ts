import { damaged, EndOfBytes } from "./damage.js";
import { TAG, tagText, WANTED } from "./tags.js";

/** How the elements of a data set are written. */
export interface Encoding {
  explicit: boolean;
  littleEndian: boolean;
}

/** The location of one element's value. */
export interface ElementPlace {
  /** Two letters, or "" in implicit VR. */
  vr: string;
  offset: number;
  /** Bytes, or UNDEFINED_LENGTH. */
  length: number;
}

export interface DatasetLocation {
  encoding: Encoding;
  elements: Map<number, ElementPlace>;
  /** The first byte after the value. */
  end: number;
}

export const UNDEFINED_LENGTH = 0xffffffff;
const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const SHORT = new Set("AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split(" "));

interface ElementHeader {
  tag: number;
  vr: string;
  length: number;
  /** Offset of the value. */
  offset: number;
}

/**
 * Walks the elements of a data set (PS3.5 section 7) in one pass without recursion: the location of requested elements
 * is recorded and all others are skipped, so that a hostile header costs no memory and only time proportional to its
 * length. Sequences are recorded but not entered; `itemsOf` enters them.
 */
export class ElementWalker {
  readonly bytes: Uint8Array;
  readonly file: string;
  /** False where `bytes` are only the start of the file. */
  readonly whole: boolean;
  readonly #wanted: ReadonlySet<number>;
  readonly #view: DataView;

  /** @param wanted tags whose location is recorded */
  constructor(bytes: Uint8Array, file: string, whole: boolean, wanted: ReadonlySet<number> = WANTED) {
    this.bytes = bytes;
    this.file = file;
    this.whole = whole;
    this.#wanted = wanted;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * Walks from `start` to the pixel data, whose location is recorded, or to the end of the file.
   * @throws EndOfBytes more bytes are needed  @throws VolumeFormatError
   */
  dataset(start: number, encoding: Encoding): DatasetLocation {
    const elements = new Map<number, ElementPlace>();
    let at = start;
    while (at < this.bytes.length) {
      const { tag, vr, length, offset } = this.#header(at, encoding);
      if (this.#wanted.has(tag)) elements.set(tag, { vr, offset, length });
      if (tag === TAG.PixelData || tag === TAG.FloatPixelData || tag === TAG.DoubleFloatPixelData) {
        return { encoding, elements, end: at };
      }
      at = this.#skip(vr, length, offset, encoding);
    }
    if (!this.whole || at > this.bytes.length) throw new EndOfBytes();
    return { encoding, elements, end: at };
  }

  /** Group 0002, which is always explicit little endian, and where it ends. */
  metaGroup(start: number): DatasetLocation {
    const encoding = { explicit: true, littleEndian: true };
    const elements = new Map<number, ElementPlace>();
    let at = start;
    while (at + 8 <= this.bytes.length && this.uint16(at, true) === 0x0002) {
      const { tag, vr, length, offset } = this.#header(at, encoding);
      if (this.#wanted.has(tag)) elements.set(tag, { vr, offset, length });
      at = this.#skip(vr, length, offset, encoding);
    }
    if (at > this.bytes.length) throw new EndOfBytes();
    return { encoding, elements, end: at };
  }

  /** The items of a sequence, at most `most` of them. @throws VolumeFormatError more, or not items */
  itemsOf(sequence: ElementPlace, outer: Encoding, most: number): DatasetLocation[] {
    const encoding = innerEncoding(sequence.vr, outer);
    const open = sequence.length === UNDEFINED_LENGTH;
    const end = open ? this.bytes.length : sequence.offset + sequence.length;
    const items: DatasetLocation[] = [];
    let at = sequence.offset;
    while (at < end) {
      const tag = this.#tag(at, encoding.littleEndian);
      const length = this.uint32(at + 4, encoding.littleEndian);
      if (open && tag === SEQUENCE_END) return items;
      if (tag !== ITEM)
        throw damaged(this.file, `expected an item of a sequence at byte ${at}, found ${tagText(tag)}`);
      if (items.length === most)
        throw damaged(this.file, `expected at most ${most} items in a sequence, found more`);
      const item = this.#item(at + 8, length, encoding);
      items.push(item);
      at = item.end;
    }
    if (open || at > end) throw damaged(this.file, "one of its sequences has no end");
    return items;
  }

  uint16(at: number, littleEndian: boolean): number {
    if (at + 2 > this.bytes.length) throw new EndOfBytes();
    return this.#view.getUint16(at, littleEndian);
  }

  uint32(at: number, littleEndian: boolean): number {
    if (at + 4 > this.bytes.length) throw new EndOfBytes();
    return this.#view.getUint32(at, littleEndian);
  }

  #item(start: number, length: number, encoding: Encoding): DatasetLocation {
    const open = length === UNDEFINED_LENGTH;
    const end = open ? this.bytes.length : start + length;
    const elements = new Map<number, ElementPlace>();
    let at = start;
    while (at < end) {
      const found = this.#header(at, encoding);
      if (open && found.tag === ITEM_END) return { encoding, elements, end: found.offset };
      if (this.#wanted.has(found.tag)) {
        elements.set(found.tag, { vr: found.vr, offset: found.offset, length: found.length });
      }
      at = this.#skip(found.vr, found.length, found.offset, encoding);
    }
    if (open || at > end) throw damaged(this.file, "an item of one of its sequences has no end");
    return { encoding, elements, end: at };
  }

  #header(at: number, { explicit, littleEndian }: Encoding): ElementHeader {
    const tag = this.#tag(at, littleEndian);
    // Items and their ends have no VR, whatever the encoding.
    if (!explicit || tag >>> 16 === 0xfffe) {
      return { tag, vr: "", length: this.uint32(at + 4, littleEndian), offset: at + 8 };
    }
    if (at + 8 > this.bytes.length) throw new EndOfBytes();
    const [first, second] = [this.bytes[at + 4] as number, this.bytes[at + 5] as number];
    if (!isCapital(first) || !isCapital(second)) {
      throw damaged(this.file, `expected a VR of two letters in ${tagText(tag)} at byte ${at}`);
    }
    const vr = String.fromCharCode(first, second);
    if (SHORT.has(vr)) return { tag, vr, length: this.uint16(at + 6, littleEndian), offset: at + 8 };
    return { tag, vr, length: this.uint32(at + 8, littleEndian), offset: at + 12 };
  }

  #tag(at: number, littleEndian: boolean): number {
    return this.uint16(at, littleEndian) * 0x10000 + this.uint16(at + 2, littleEndian);
  }

  #skip(vr: string, length: number, offset: number, encoding: Encoding): number {
    return length === UNDEFINED_LENGTH ? this.#skipSequence(vr, offset, encoding) : offset + length;
  }

  /** Skips a sequence of undefined length, however deeply nested, by counting what is open. */
  #skipSequence(vr: string, start: number, outer: Encoding): number {
    // The encoding changes only on the way inward, at an UN; each change is kept with the depth at which it begins.
    const changes: { depth: number; encoding: Encoding }[] = [];
    let encoding = innerEncoding(vr, outer);
    let depth = 1;
    let at = start;
    while (depth > 0) {
      const found = this.#header(at, encoding);
      at = found.offset;
      if (found.tag === ITEM_END || found.tag === SEQUENCE_END) {
        depth--;
        const last = changes.at(-1);
        if (last !== undefined && depth < last.depth) {
          encoding = last.encoding;
          changes.pop();
        }
      } else if (found.length !== UNDEFINED_LENGTH) {
        at += found.length;
      } else {
        depth++;
        const inner = found.tag === ITEM ? encoding : innerEncoding(found.vr, encoding);
        if (inner !== encoding) {
          changes.push({ depth, encoding });
          encoding = inner;
        }
      }
    }
    return at;
  }
}

/** An UN of unknown length holds implicit little endian (PS3.5 6.2.2, note 4). */
function innerEncoding(vr: string, outer: Encoding): Encoding {
  return vr === "UN" && outer.explicit ? IMPLICIT : outer;
}

const IMPLICIT: Encoding = { explicit: false, littleEndian: true };

const isCapital = (code: number): boolean => code >= 0x41 && code <= 0x5a;
