import { ZipReader, type FileEntry } from "@zip.js/zip.js";
import CRC32 from "crc-32";
import { inflateRaw, MAX_DEFLATE_RATIO, type Decompress } from "../bytes/inflate.js";
import type { ByteSource } from "../bytes/source.js";
import { VolumeFileError, VolumeFormatError, type VolumeFormat } from "../errors.js";
import { named, said, type Named } from "../message.js";
import { COPY_AGAIN, refuser, type Refuse } from "../refuse.js";
import { SourceReader } from "./source-reader.js";

/** One file of an archive; nothing of it is read before it is asked for. */
export interface ZipEntry {
  /** Path in the archive, with "/"; never absolute, never with "..", never twice. */
  readonly name: string;
  /** Bytes, uncompressed. */
  readonly size: number;
  readonly compressedSize: number;
  /** All of it, its checksum checked. @throws VolumeFormatError damaged, or larger than the limit */
  read(): Promise<Uint8Array>;
  /** In pieces; leaving the loop stops the reading. The checksum is checked with the last piece. @throws VolumeFormatError */
  stream(): AsyncGenerator<Uint8Array, void>;
}

/** Files in the order of the archive's directory; folders are left out. */
export interface ZipArchive {
  readonly name: string;
  readonly entries: readonly ZipEntry[];
}

export interface ZipLimits {
  /** Files in the archive; default 200 000. */
  entries: number;
  /** Bytes of a file that is read whole; default 4 GiB. Streams have no limit but the size that the archive declares. */
  entryBytes: number;
  /** Bytes of all files together, uncompressed; default 1 TiB. */
  totalBytes: number;
}

const LIMITS: ZipLimits = { entries: 200_000, entryBytes: 2 ** 32, totalBytes: 2 ** 40 };

/** Before the name of each file. */
const LOCAL_HEADER_BYTES = 30;
const STORED = 0;
const DEFLATE = 8;
/** What one compressed byte can become. Others are refused: deflate64 would need the library, which inflates unbounded. */
const MAX_RATIO = new Map([
  [STORED, 1],
  [DEFLATE, MAX_DEFLATE_RATIO],
]);

export interface OpenZipOptions {
  limits?: Partial<ZipLimits>;
  /** What errors call the archive; default "zip". */
  format?: VolumeFormat;
  /** How deflate is undone; default the platform's DecompressionStream. openZipFile on Node uses zlib. */
  inflate?: Decompress;
}

/**
 * Lists the files of a zip archive (zip64 too) and reads each on demand, by random access to the source; safe in
 * browsers. The source must stay open as long as entries are read.
 * Refused: names that are absolute, climb with ".." or come twice; encryption; sizes that deflate cannot reach, that
 * overlap, or that are beyond the limits; an archive that other readers could understand differently.
 * @throws VolumeFormatError
 */
export async function openZip(source: ByteSource, options: OpenZipOptions = {}): Promise<ZipArchive> {
  const archive = new Archive(source, options);
  return { name: source.name, entries: (await archive.files()).map((file) => archive.entry(file)) };
}

class Archive {
  readonly #source: ByteSource;
  readonly #reader: SourceReader;
  readonly #limits: ZipLimits;
  readonly #format: VolumeFormat;
  readonly #inflate: Decompress;
  readonly #refuse: Refuse;

  constructor(source: ByteSource, { limits, format = "zip", inflate = inflateRaw }: OpenZipOptions) {
    this.#source = source;
    this.#reader = new SourceReader(source);
    this.#limits = { ...LIMITS, ...limits };
    this.#format = format;
    this.#inflate = inflate;
    this.#refuse = refuser(source.name, format);
  }

  async files(): Promise<FileEntry[]> {
    const zip = new ZipReader(this.#reader, { useWebWorkers: false });
    const files: FileEntry[] = [];
    let count = 0;
    try {
      for await (const entry of zip.getEntriesGenerator({ strictness: "strict", filenameValidation: "balanced" })) {
        if (++count > this.#limits.entries)
          this.#refuse(`expected at most ${this.#limits.entries} entries, it lists more`, "Split the archive.");
        if (!entry.directory) files.push(entry);
      }
    } catch (cause) {
      throw this.#translated(cause);
    }
    this.#check(files);
    return files;
  }

  entry(file: FileEntry): ZipEntry {
    const { filename: name, uncompressedSize: size, compressedSize } = file;
    return { name, size, compressedSize, read: () => this.#read(file), stream: () => this.#stream(file) };
  }

  #check(files: readonly FileEntry[]): void {
    const refuse = this.#refuse;
    let total = 0;
    for (const { filename, encrypted, compressionMethod, uncompressedSize, compressedSize } of files) {
      if (encrypted) refuse(said`${entry(filename)} is encrypted`, "Unpack it with its password first.");
      const ratio = MAX_RATIO.get(compressionMethod);
      if (ratio === undefined)
        return refuse(
          said`${entry(filename)} is compressed by method ${compressionMethod}`,
          "Pack the files again, with deflate.",
        );
      const most = compressedSize * ratio;
      if (uncompressedSize > most) {
        const holds = `its ${compressedSize} compressed bytes hold at most ${most}`;
        refuse(said`${entry(filename)} announces ${uncompressedSize} bytes, ${holds}`, COPY_AGAIN);
      }
      total += uncompressedSize;
    }
    const limit = this.#limits.totalBytes;
    if (total > limit) refuse(`its files hold ${total} bytes, the limit is ${limit}`, "Split the archive.");
    const inOrder = files.toSorted((a, b) => a.offset - b.offset);
    for (const [k, { filename, offset, compressedSize }] of inOrder.entries()) {
      const next = inOrder[k + 1]?.offset ?? this.#source.size;
      if (offset + LOCAL_HEADER_BYTES + compressedSize > next)
        refuse(said`${entry(filename)} lies over what follows it, as in a zip bomb`, COPY_AGAIN);
    }
  }

  async #read(file: FileEntry): Promise<Uint8Array> {
    const { filename, uncompressedSize } = file;
    const limit = this.#limits.entryBytes;
    if (uncompressedSize > limit)
      this.#refuse(said`${entry(filename)} has ${uncompressedSize} bytes, the limit is ${limit}`, "Unpack it first.");
    const bytes = new Uint8Array(uncompressedSize);
    let at = 0;
    for await (const piece of this.#stream(file)) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  async *#stream(file: FileEntry): AsyncGenerator<Uint8Array, void> {
    const { filename, uncompressedSize: size } = file;
    const refuse = this.#refuse;
    let at = 0;
    let crc = 0;
    try {
      for await (const piece of this.#content(file)) {
        at += piece.length;
        if (at > size) refuse(said`${entry(filename)} announces ${size} bytes and unpacks to more`, COPY_AGAIN);
        crc = CRC32.buf(piece, crc);
        yield piece;
      }
    } catch (cause) {
      throw this.#translated(cause, filename);
    }
    if (at < size) refuse(said`${entry(filename)} announces ${size} bytes and unpacks to ${at}`, COPY_AGAIN);
    if (crc >>> 0 !== file.signature) refuse(said`the checksum of ${entry(filename)} is wrong`, COPY_AGAIN);
  }

  #content(file: FileEntry): AsyncIterable<Uint8Array> {
    const stored = this.#stored(file);
    return file.compressionMethod === STORED ? stored : this.#inflate(stored);
  }

  /** The bytes as they lie in the archive. */
  async *#stored(file: FileEntry): AsyncGenerator<Uint8Array, void> {
    let fail: (error: unknown) => void = () => undefined;
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
      start: (controller) => void (fail = (error) => controller.error(error)),
    });
    const stop = new AbortController();
    const options = { signal: stop.signal, passThrough: true };
    // Where it fails before its first byte, the library leaves the stream open, and its reader would wait for ever.
    const done = file.getData(writable, options).catch((error: unknown) => fail(error));
    try {
      for await (const piece of readable) yield piece;
    } finally {
      stop.abort();
      await done;
    }
  }

  /** The library's errors in our words; ours, and those of the source, as they are. */
  #translated(cause: unknown, name?: string): unknown {
    const own = this.#reader.takeFailure() ?? cause;
    if (own instanceof VolumeFormatError || own instanceof VolumeFileError) return own;
    const words = wordsOf(cause);
    const problem = said`${name === undefined ? "it" : entry(name)} is damaged or ambiguous${named(` (${words})`, "")}`;
    const { name: file } = this.#source;
    return new VolumeFormatError({ file, format: this.#format, problem, remedy: COPY_AGAIN }, { cause });
  }
}

/** An entry in a message: its name is that of a file. */
const entry = (name: string): Named => named(`"${name}"`, "one of its files");

/** The library says what is wrong with which file in fields beside its message. */
function wordsOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { reason, filename } = cause as Error & { reason?: unknown; filename?: unknown };
  const words = [cause.message, reason, filename].filter((word) => typeof word === "string");
  return words.join(": ");
}
