import { damaged } from "./damage.js";
import { UNDEFINED_LENGTH, type DatasetLocation, type ElementPlace, type ElementWalker } from "./elements.js";
import { TAG, type TagName } from "./tags.js";
import { decodeText } from "./decode-text.js";

/** Limit for elements that are read as text; a longer one means that the file is damaged. */
const MAX_TEXT_BYTES = 65536;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The requested elements of a data set or an item, by name. A missing, empty or malformed one is undefined. */
export class Dataset {
  readonly #walker: ElementWalker;
  readonly #place: DatasetLocation;
  readonly #characterSet: string;

  constructor(walker: ElementWalker, place: DatasetLocation, characterSet?: string) {
    this.#walker = walker;
    this.#place = place;
    this.#characterSet = characterSet ?? "";
    if (characterSet === undefined) this.#characterSet = this.string("SpecificCharacterSet") ?? "";
  }

  has(name: TagName): boolean {
    return this.#place.elements.has(TAG[name]);
  }

  place(name: TagName): ElementPlace | undefined {
    return this.#place.elements.get(TAG[name]);
  }

  /** Text without the padding at its ends; several values stay joined by a backslash. */
  string(name: TagName): string | undefined {
    const bytes = this.#value(name, MAX_TEXT_BYTES);
    if (bytes === undefined) return undefined;
    const text = decodeText(bytes, name === "SpecificCharacterSet" ? "" : this.#characterSet);
    // Padding is a space or a NUL, which some writers also put in the middle.
    const trimmed = text.replaceAll("\0", "").trim();
    return trimmed === "" ? undefined : trimmed;
  }

  strings(name: TagName): string[] {
    return (this.string(name) ?? "").split("\\").map((value) => value.trim());
  }

  /** VR DS or IS. Undefined unless there are `count` values and all are finite numbers. */
  decimals(name: TagName, count: number): number[] | undefined {
    const texts = this.strings(name);
    if (texts.length !== count || !texts.every((text) => DECIMAL.test(text))) return undefined;
    const values = texts.map(Number);
    return values.every(Number.isFinite) ? values : undefined;
  }

  decimal(name: TagName): number | undefined {
    return this.decimals(name, 1)?.[0];
  }

  /** VR IS. */
  integer(name: TagName): number | undefined {
    const value = this.decimal(name);
    return Number.isSafeInteger(value) ? value : undefined;
  }

  /** VR US, or the bits of an SS. */
  uint16(name: TagName): number | undefined {
    const place = this.place(name);
    if (place === undefined || place.length < 2 || place.length === UNDEFINED_LENGTH) return undefined;
    return this.#walker.uint16(place.offset, this.#place.encoding.littleEndian);
  }

  /** VR UL. */
  uint32(name: TagName): number | undefined {
    const place = this.place(name);
    if (place === undefined || place.length < 4 || place.length === UNDEFINED_LENGTH) return undefined;
    return this.#walker.uint32(place.offset, this.#place.encoding.littleEndian);
  }

  /** @param most more items than this mean that the file is damaged  @throws VolumeFormatError */
  items(name: TagName, limit: number): Dataset[] {
    const place = this.place(name);
    if (place === undefined) return [];
    return this.#walker
      .itemsOf(place, this.#place.encoding, limit)
      .map((item) => new Dataset(this.#walker, item, this.#characterSet));
  }

  #value(name: TagName, limit: number): Uint8Array | undefined {
    const place = this.place(name);
    if (place === undefined || place.length === 0) return undefined;
    if (place.length > limit)
      throw damaged(this.#walker.file, `expected a text of at most ${limit} bytes in ${name}`);
    return this.#walker.bytes.subarray(place.offset, place.offset + place.length);
  }
}
