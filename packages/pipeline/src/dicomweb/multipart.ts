/**
 * multipart/related, read and written piece by piece: a study may be larger than the memory. RFC 2387, RFC 2046 section 5.1.
 */
import { Buffer } from "node:buffer";

/** A body is not what its headers say. */
export class MultipartError extends Error {
  override readonly name = "MultipartError";
  constructor(
    readonly isTruncated: boolean,
    problem: string,
  ) {
    super(problem);
  }
}

/** Takes the content of one part. */
export interface PartSink {
  write(piece: Uint8Array): void;
  end(): void;
}

/** Headers of a part are short; a longer block is another format, or an attack. */
const MOST_HEADER_BYTES = 65_536;
const LINE = Buffer.from("\r\n");

/** @returns the boundary that a Content-Type names; null if it is not multipart */
export function boundaryOf(contentType: string): string | null {
  if (!/^multipart\/related\b/i.test(contentType.trim())) return null;
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]+)"|([^\s;,"]+))/i.exec(contentType) ?? [];
  return quoted ?? plain ?? null;
}

/**
 * @param begin called with the headers of each part, in lower case; returns what takes its content
 * @returns the number of parts   @throws MultipartError if the body ends before its last boundary
 */
export async function readMultipart(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
  begin: (headers: ReadonlyMap<string, string>) => PartSink,
): Promise<number> {
  const parser = new Parser(boundary, begin);
  for await (const piece of body) {
    parser.add(piece);
    if (parser.isFinished) break; // what follows the last boundary has no meaning
  }
  return parser.end();
}

class Parser {
  readonly #delimiter: Buffer;
  readonly #begin: (headers: ReadonlyMap<string, string>) => PartSink;
  /** The first boundary has no line break before it. */
  #rest: Buffer = LINE;
  #state: "content" | "boundary" | "headers" | "finished" = "content";
  #sink: PartSink | null = null;
  /** Bytes at the beginning of the content that belong to its headers. */
  #skip = 0;
  #parts = 0;
  #bytes = 0;

  constructor(boundary: string, begin: (headers: ReadonlyMap<string, string>) => PartSink) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
    this.#begin = begin;
  }

  get isFinished(): boolean {
    return this.#state === "finished";
  }

  add(piece: Uint8Array): void {
    this.#bytes += piece.length;
    this.#rest = Buffer.concat([this.#rest, piece]);
    while (this.#step());
  }

  end(): number {
    if (this.isFinished) return this.#parts;
    throw new MultipartError(
      true,
      `the answer ended after ${this.#bytes} bytes, in part ${Math.max(1, this.#parts)}`,
    );
  }

  /** @returns whether there may be more to do with what is here */
  #step(): boolean {
    if (this.#state === "content") return this.#content();
    if (this.#state === "boundary") return this.#boundary();
    return this.#state === "headers" && this.#headers();
  }

  #content(): boolean {
    const end = this.#rest.indexOf(this.#delimiter);
    // The end of what is here may be the beginning of a boundary.
    const length = end >= 0 ? end : Math.max(0, this.#rest.length - this.#delimiter.length + 1);
    const content = this.#rest.subarray(Math.min(this.#skip, length), length);
    this.#skip -= Math.min(this.#skip, length);
    if (content.length > 0) this.#sink?.write(content);
    this.#rest = this.#rest.subarray(end >= 0 ? end + this.#delimiter.length : length);
    if (end < 0) return false;
    this.#sink?.end();
    this.#sink = null;
    this.#state = "boundary";
    return true;
  }

  #boundary(): boolean {
    if (this.#rest.length < 2) return false;
    if (this.#rest.subarray(0, 2).toString("latin1") === "--") {
      this.#state = "finished";
      return false;
    }
    const end = this.#rest.indexOf(LINE);
    if (end < 0) return this.#wait();
    if (this.#rest.subarray(0, end).toString("latin1").trim() !== "")
      throw new MultipartError(false, "a boundary is followed by text");
    this.#rest = this.#rest.subarray(end); // with its line break, so that a part may have no headers
    this.#state = "headers";
    return true;
  }

  #headers(): boolean {
    const end = this.#rest.indexOf("\r\n\r\n");
    if (end < 0) return this.#wait();
    const lines = this.#rest.subarray(0, end).toString("latin1").split("\r\n");
    // The line break that closes the headers may also be that of the next boundary, if the part is empty.
    this.#rest = this.#rest.subarray(end + 2);
    this.#skip = LINE.length;
    const headers = lines.flatMap((line): [string, string][] => {
      const colon = line.indexOf(":");
      return colon < 0 ? [] : [[line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]];
    });
    this.#parts++;
    this.#sink = this.#begin(new Map(headers));
    this.#state = "content";
    return true;
  }

  #wait(): boolean {
    if (this.#rest.length > MOST_HEADER_BYTES)
      throw new MultipartError(false, "the headers of a part do not end");
    return false;
  }
}

/** A body of one part for each file. @param pieces opens a file */
export async function* writeMultipart<T>(
  files: Iterable<T>,
  boundary: string,
  contentType: string,
  pieces: (file: T) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    yield Buffer.from(`--${boundary}\r\nContent-Type: ${contentType}\r\n\r\n`);
    yield* pieces(file);
    yield LINE;
  }
  yield Buffer.from(`--${boundary}--\r\n`);
}
