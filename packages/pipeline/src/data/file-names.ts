import { sha256Of } from "./sealed-json.js";

/** Names of files for ids, which may be paths, of any length, or equal but for letters that some systems take for the same. */
export class FileNames {
  readonly #taken = new Set<string>();

  of(id: string): string {
    const plain = id.replaceAll(/[/\\:*?"<>|\p{Cc}]/gu, "__").replace(/^\.+/, "_");
    const isUsable =
      Buffer.byteLength(plain) <= MOST_BYTES &&
      !RESERVED.test(plain) &&
      !this.#taken.has(plain.toLowerCase());
    const name = isUsable ? plain : `${plain.slice(0, 60)}-${sha256Of(id).slice(0, 12)}`;
    this.#taken.add(name.toLowerCase());
    return name;
  }
}

/** Of 255, which a file system allows, with room for endings and a temporary name. */
const MOST_BYTES = 180;
/** Windows has no such files, whatever their ending. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d|predictions)(\.|$)/i;
