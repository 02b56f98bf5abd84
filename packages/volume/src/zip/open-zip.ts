import CRC32 from "crc-32";
import { inflateRaw, MAX_DEFLATE_RATIO, type Decompress } from "../bytes/inflate.js";
import type { ByteSource } from "../bytes/source.js";
import { VolumeFileError, VolumeFormatError, type VolumeFormat } from "../errors.js";
import { message, named, type Named } from "../message.js";
import { COPY_AGAIN, refuser, type Refuse } from "../refuse.js";
import { contentStart, LOCAL_HEADER_BYTES, type ZipMember } from "./local-header.js";
import type { SourceReader } from "./source-reader.js";

/** One file of an archive, which is read on demand. */
export interface ZipEntry {
  /** Path in the archive, with "/"; never absolute, without "..", and unique. */
  readonly name: string;
  /** Uncompressed size in bytes. */
  readonly size: number;
  readonly compressedSize: number;
  /** Reads the whole file and verifies its checksum. @throws VolumeFormatError damaged, or larger than the limit */
  read(): Promise<Uint8Array>;
  /**
   * Reads the file in chunks; leaving the loop stops reading. The checksum is verified with the last chunk. @throws
   * VolumeFormatError
   */
  stream(): AsyncGenerator<Uint8Array, void>;
}

/** Files in the order of the archive's directory; folders are left out. */
export interface ZipArchive {
  readonly name: string;
  readonly entries: readonly ZipEntry[];
}

export interface ZipLimits {
  /** Most files in the archive; default 200 000. */
  entries: number;
  /**
   * Largest file in bytes that is read as a whole; default 4 GiB. Streams are only limited by the size that the archive
   * declares.
   */
  entryBytes: number;
  /** Most uncompressed bytes of all files together; default 1 TiB. */
  totalBytes: number;
}

const LIMITS: ZipLimits = { entries: 200_000, entryBytes: 2 ** 32, totalBytes: 2 ** 40 };

/** Bytes that are read at once. */
const PIECE_BYTES = 2 ** 20;
const STORED = 0;
const DEFLATE = 8;
/**
 * Most bytes that one compressed byte can become, by method. Other methods are refused: deflate64 would need the
 * library, which inflates without a limit.
 */
const MAX_RATIO = new Map([
  [STORED, 1],
  [DEFLATE, MAX_DEFLATE_RATIO],
]);

export interface OpenZipOptions {
  limits?: Partial<ZipLimits>;
  /** Name of the format in errors; default "zip". */
  format?: VolumeFormat;
  /** Inflates deflate data; default the platform's DecompressionStream. openZipFile on Node uses zlib. */
  inflate?: Decompress;
}

/**
 * Lists the files of a zip archive (zip64, too) and reads each on demand by random access to the source; safe in
 * browsers. The source must stay open as long as entries are read.
 * It refuses names that are absolute, contain ".." or appear twice; encryption; sizes that deflate cannot reach, that
 * overlap, or that exceed the limits; and archives that other readers could interpret differently.
 * @throws VolumeFormatError
 */
export async function openZip(source: ByteSource, options: OpenZipOptions = {}): Promise<ZipArchive> {
  const archive = new Archive(source, options);
  return { name: source.name, entries: (await archive.files()).map((file) => archive.entry(file)) };
}

class Archive {
  readonly #source: ByteSource;
  #reader: SourceReader | null = null;
  readonly #limits: ZipLimits;
  readonly #format: VolumeFormat;
  readonly #inflate: Decompress;
  readonly #refuse: Refuse;

  constructor(source: ByteSource, { limits, format = "zip", inflate = inflateRaw }: OpenZipOptions) {
    this.#source = source;
    this.#limits = { ...LIMITS, ...limits };
    this.#format = format;
    this.#inflate = inflate;
    this.#refuse = refuser(source.name, format);
  }

  async files(): Promise<ZipMember[]> {
    // The library is loaded with the first archive: most volumes are in files.
    const { SourceReader, ZipReader } = await import("./source-reader.js");
    this.#reader = new SourceReader(this.#source);
    const zip = new ZipReader(this.#reader, { useWebWorkers: false });
    const files: ZipMember[] = [];
    let count = 0;
    try {
      for await (const entry of zip.getEntriesGenerator({
        strictness: "strict",
        filenameValidation: "balanced",
      })) {
        if (++count > this.#limits.entries)
          this.#refuse(
            `expected at most ${this.#limits.entries} entries, it lists more`,
            "Split the archive.",
          );
        if (entry.directory) continue;
        if (entry.encrypted)
          this.#refuse(
            message`${inWords(entry.filename)} is encrypted`,
            "Unpack it with its password first.",
          );
        // The library's object for an entry takes 8 KB.
        const { filename, rawFilename, offset, compressionMethod, compressedSize, uncompressedSize } = entry;
        const signature = entry.signature ?? 0;
        files.push({
          filename,
          rawFilename,
          offset,
          compressionMethod,
          compressedSize,
          uncompressedSize,
          signature,
        });
      }
    } catch (cause) {
      throw this.#translated(cause);
    }
    this.#check(files);
    return files;
  }

  entry(file: ZipMember): ZipEntry {
    const { filename: name, uncompressedSize: size, compressedSize } = file;
    return { name, size, compressedSize, read: () => this.#read(file), stream: () => this.#stream(file) };
  }

  #check(files: readonly ZipMember[]): void {
    const refuse = this.#refuse;
    let total = 0;
    for (const { filename, compressionMethod, uncompressedSize, compressedSize } of files) {
      const ratio = MAX_RATIO.get(compressionMethod);
      if (ratio === undefined)
        return refuse(
          message`${inWords(filename)} is compressed by method ${compressionMethod}`,
          "Pack the files again, with deflate.",
        );
      const most = compressedSize * ratio;
      if (uncompressedSize > most) {
        const holds = `its ${compressedSize} compressed bytes hold at most ${most}`;
        refuse(message`${inWords(filename)} declares ${uncompressedSize} bytes, ${holds}`, COPY_AGAIN);
      }
      total += uncompressedSize;
    }
    const limit = this.#limits.totalBytes;
    if (total > limit) refuse(`its files hold ${total} bytes, the limit is ${limit}`, "Split the archive.");
    const inOrder = files.toSorted((a, b) => a.offset - b.offset);
    for (const [k, { filename, offset, compressedSize }] of inOrder.entries()) {
      const next = inOrder[k + 1]?.offset ?? this.#source.size;
      if (offset + LOCAL_HEADER_BYTES + compressedSize > next)
        refuse(message`${inWords(filename)} overlaps the following file, as in a zip bomb`, COPY_AGAIN);
    }
  }

  async #read(file: ZipMember): Promise<Uint8Array> {
    const { filename, uncompressedSize } = file;
    const limit = this.#limits.entryBytes;
    if (uncompressedSize > limit)
      this.#refuse(
        message`${inWords(filename)} has ${uncompressedSize} bytes, the limit is ${limit}`,
        "Unpack it first.",
      );
    const bytes = new Uint8Array(uncompressedSize);
    let at = 0;
    for await (const piece of this.#stream(file)) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  async *#stream(file: ZipMember): AsyncGenerator<Uint8Array, void> {
    const { filename, uncompressedSize: size } = file;
    const refuse = this.#refuse;
    let at = 0;
    let crc = 0;
    try {
      for await (const piece of this.#content(file)) {
        at += piece.length;
        if (at > size)
          refuse(message`${inWords(filename)} declares ${size} bytes and unpacks to more`, COPY_AGAIN);
        crc = CRC32.buf(piece, crc);
        yield piece;
      }
    } catch (cause) {
      throw this.#translated(cause, filename);
    }
    if (at < size)
      refuse(message`${inWords(filename)} declares ${size} bytes and unpacks to ${at}`, COPY_AGAIN);
    if (crc >>> 0 !== file.signature)
      refuse(message`the checksum of ${inWords(filename)} is wrong`, COPY_AGAIN);
  }

  #content(file: ZipMember): AsyncIterable<Uint8Array> {
    const stored = this.#stored(file);
    return file.compressionMethod === STORED ? stored : this.#inflate(stored, file.uncompressedSize);
  }

  /** The raw bytes in the archive. */
  async *#stored(file: ZipMember): AsyncGenerator<Uint8Array, void> {
    const start = await contentStart(this.#source, file);
    if (typeof start === "string") throw this.#damaged(start, file.filename);
    const end = start + file.compressedSize;
    if (end > this.#source.size) throw this.#damaged("its bytes end after the archive", file.filename);
    for (let at = start; at < end; at += PIECE_BYTES)
      yield await this.#source.read(at, Math.min(PIECE_BYTES, end - at));
  }

  /** Translates errors of the library; those of this package and of the source are unchanged. */
  #translated(cause: unknown, name?: string): unknown {
    const own = this.#reader?.takeFailure() ?? cause;
    if (own instanceof VolumeFormatError || own instanceof VolumeFileError) return own;
    return this.#damaged(wordsOf(cause), name, { cause });
  }

  #damaged(words: string, name?: string, options?: ErrorOptions): VolumeFormatError {
    const what = name === undefined ? "it" : inWords(name);
    const problem = message`${what} is damaged or ambiguous${named(` (${words})`, "")}`;
    const { name: file } = this.#source;
    return new VolumeFormatError({ file, format: this.#format, problem, remedy: COPY_AGAIN }, options);
  }
}

/** An entry in a message; its name is treated like a file name. */
const inWords = (name: string): Named => named(`"${name}"`, "one of its files");

/** The library gives the problem and the file in fields beside its message. */
function wordsOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { reason, filename } = cause as Error & { reason?: unknown; filename?: unknown };
  const words = [cause.message, reason, filename].filter((word) => typeof word === "string");
  return words.join(": ");
}
