/** Streams an upload to disk, within limits: a form with files, or one file as the body. */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import { Problem } from "../problem.js";
import { checkArchive } from "./archive.js";
import { BYTES_NEEDED, extensionOf } from "./extension.js";

export interface UploadLimits {
  maxUpload: number;
  maxFiles: number;
  maxUnpacked: number;
  uploadStall: number;
}

export interface Upload {
  /** Holds the files 00000.dcm, 00001.dcm … */
  folder: string;
  files: string[];
  bytes: number;
  /** SHA-256 of the files' lengths and contents, in order. */
  sha256: string;
}

/**
 * Writes the files of a request into a new folder below `parent`. The folder is removed if anything goes wrong.
 * @throws Problem   @throws the file system's error
 */
export async function receiveUpload(
  request: FastifyRequest,
  parent: string,
  limits: UploadLimits,
): Promise<Upload> {
  const folder = join(parent, randomUUID());
  await mkdir(folder, { mode: 0o700 });
  const receiver = new Receiver(folder, limits);
  try {
    for await (const stream of streamsOf(request, limits)) await receiver.add(stream);
    const upload = receiver.finish();
    for (const file of upload.files)
      if (file.endsWith(".zip")) await checkArchive(join(folder, file), limits);
    return upload;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function* streamsOf(request: FastifyRequest, limits: UploadLimits): AsyncGenerator<Readable> {
  const { maxUpload, maxFiles, uploadStall } = limits;
  if (!request.isMultipart()) {
    if (request.body === undefined || request.body === null)
      throw new Problem(
        "invalid-request",
        "The request has no body",
        "Send the files as a form, or one as the body.",
      );
    yield request.body as Readable;
    return;
  }
  const parts = request.parts({
    limits: { files: maxFiles, fileSize: maxUpload, fields: 20, parts: maxFiles + 20 },
  });
  for (;;) {
    const next = await inTime(parts.next(), uploadStall).catch(refuseForm);
    if (next.done === true) return;
    const part = next.value;
    if (part.type === "field")
      throw new Problem(
        "invalid-request",
        `The form has a field ${JSON.stringify(part.fieldname.slice(0, 60))}; only files are expected`,
        "Pass options in the query: ?model=NAME&maps=gradcam",
      );
    yield part.file;
  }
}

/** Of an upload, over the time in which none may be silent. */
const LEAST_BYTES_PER_S = 100;

class Receiver {
  readonly #hash = createHash("sha256");
  readonly #files: string[] = [];
  #bytes = 0;
  #window = { since: performance.now(), bytes: 0 };

  constructor(
    private readonly folder: string,
    private readonly limits: UploadLimits,
  ) {}

  async add(stream: Readable & { truncated?: boolean }): Promise<void> {
    if (this.#files.length >= this.limits.maxFiles)
      throw new Problem("too-large", `The upload has more than ${this.limits.maxFiles} files`, "Send fewer.");
    const number = String(this.#files.length).padStart(5, "0");
    const path = join(this.folder, number);
    const { head, size } = await this.#save(stream, path);
    if (stream.truncated === true) throw tooManyBytes(this.limits);
    this.#hash.update(`;${size}`);
    const name = `${number}${extensionOf(head)}`;
    await rename(path, join(this.folder, name));
    this.#files.push(name);
  }

  /** A client that sends a byte now and then would hold its connection for days. */
  #refuseTrickle(bytes: number): void {
    const { uploadStall } = this.limits;
    this.#window.bytes += bytes;
    const elapsed = performance.now() - this.#window.since;
    if (elapsed < uploadStall) return;
    if (this.#window.bytes < (LEAST_BYTES_PER_S * elapsed) / 1000) throw stalled(uploadStall);
    this.#window = { since: performance.now(), bytes: 0 };
  }

  finish(): Upload {
    const { folder } = this;
    if (this.#files.length === 0)
      throw new Problem("invalid-request", "The upload has no file", "Send at least one.");
    return { folder, files: this.#files, bytes: this.#bytes, sha256: this.#hash.digest("hex") };
  }

  async #save(stream: Readable, path: string): Promise<{ head: Uint8Array; size: number }> {
    const file = await open(path, "wx", 0o600);
    const head: Buffer[] = [];
    let size = 0;
    try {
      for await (const piece of withoutStalls(stream, this.limits.uploadStall)) {
        if (size < BYTES_NEEDED) head.push(piece.subarray(0, BYTES_NEEDED - size));
        size += piece.length;
        this.#bytes += piece.length;
        this.#refuseTrickle(piece.length);
        if (this.#bytes > this.limits.maxUpload) throw tooManyBytes(this.limits);
        this.#hash.update(piece);
        await file.writeFile(piece);
      }
      await file.sync(); // an accepted upload survives a power cut
    } finally {
      await file.close();
    }
    return { head: Buffer.concat(head), size };
  }
}

const tooManyBytes = ({ maxUpload }: UploadLimits) =>
  new Problem("too-large", `The upload has more than ${maxUpload} bytes`, "Send less at once.", CLOSE);

/**
 * The pieces of a stream, which stays open when reading ends early: destroying it would end the connection without an
 * answer.
 * @throws Problem if none arrives for `stall` milliseconds, or the client ends it early
 */
async function* withoutStalls(stream: Readable, stall: number): AsyncGenerator<Buffer> {
  const pieces = stream.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  for (;;) {
    let next: IteratorResult<Buffer, undefined>;
    try {
      next = (await inTime(pieces.next(), stall)) as IteratorResult<Buffer, undefined>;
    } catch (error) {
      if (error instanceof Problem || !isEarlyEnd(error)) throw error;
      throw new Problem("invalid-request", "The upload ended before it was complete", "Send it again.");
    }
    if (next.done === true) return;
    yield next.value;
  }
}

/** @throws Problem if it takes longer than `stall` milliseconds */
async function inTime<T>(arriving: Promise<T>, stall: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(stalled(stall)), stall)));
  try {
    return await Promise.race([arriving, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the parser of forms throws is a plain error, unless a limit is exceeded. */
function refuseForm(error: unknown): never {
  if (error instanceof Problem || (error as { statusCode?: number }).statusCode !== undefined) throw error;
  throw new Problem(
    "invalid-request",
    `The form cannot be read (${(error as Error).message})`,
    "Send multipart/form-data with a boundary, and all of it.",
    CLOSE,
  );
}

/** The rest of such an upload is not read, so the connection cannot be used again. */
const CLOSE = { connection: "close" };

const stalled = (stall: number) =>
  new Problem(
    "request-timeout",
    `Hardly a byte of the upload arrived for ${stall / 1000} s`,
    "Send it again, faster.",
    CLOSE,
  );

const EARLY = new Set(["ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE", "ABORT_ERR"]);

const isEarlyEnd = (error: unknown): boolean =>
  EARLY.has((error as { code?: string }).code ?? "") ||
  /aborted|unexpected end/i.test((error as Error).message ?? "");
