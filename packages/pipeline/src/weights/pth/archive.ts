/** The parts of a zip archive: where each begins, and its checksum. torch.save stores them uncompressed, so that nothing needs unpacking. */
import { fromRandomAccessReader, RandomAccessReader, type Entry, type ZipFile } from "yauzl";
import { CheckpointError, messageOf, type WeightsFile } from "@slicestack/torch/safetensors";

export interface ArchivePart {
  name: string;
  at: number;
  bytes: number;
  /** CRC-32; null in an archive without checksums: PyTorch 2.6 and later can write 0 for all of them. */
  checksum: number | null;
  /** Compressed or encrypted, which torch.save does not do. */
  packed: boolean;
}

const mostParts = 100_000;

/**
 * Answers yauzl synchronously from the open file. Its asynchronous interface is then done when the call returns, and its
 * errors about a damaged file reach the caller and not the process.
 */
class FileReader extends RandomAccessReader {
  readonly #file: WeightsFile;
  constructor(file: WeightsFile) {
    super();
    this.#file = file;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    buffer.set(this.#file.read(position, length), offset);
    callback(null);
  }
}

/** @throws CheckpointError if the archive is damaged or contains a part twice */
export function readArchive(file: WeightsFile): Map<string, ArchivePart> {
  const parts = new Map<string, ArchivePart>();
  for (const entry of entriesOf(file)) {
    const { name } = entry;
    if (parts.has(name)) throw file.fault(`holds the part ${name} twice`);
    parts.set(name, entry);
  }
  if ([...parts.values()].every(({ checksum }) => checksum === 0))
    for (const part of parts.values()) part.checksum = null;
  return parts;
}

function* entriesOf(file: WeightsFile): Iterable<ArchivePart> {
  const zip = opened(file);
  if (zip.entryCount > mostParts)
    throw file.fault(`has ${zip.entryCount} parts, at most ${mostParts} are read`);
  let entry: Entry | null = null;
  let failure: Error | null = null;
  zip.on("entry", (next: Entry) => (entry = next));
  zip.on("error", (error: Error) => (failure = error));
  for (let k = 0; k < zip.entryCount; k++) {
    entry = null;
    const read = answered<Entry>(file, (done) => {
      zip.readEntry();
      done(failure, entry ?? undefined);
    });
    yield placed(file, zip, read);
  }
}

function opened(file: WeightsFile): ZipFile {
  return answered<ZipFile>(file, (done) =>
    fromRandomAccessReader(new FileReader(file), file.size, { lazyEntries: true, autoClose: false }, done),
  );
}

function placed(file: WeightsFile, zip: ZipFile, entry: Entry): ArchivePart {
  const { fileName: name, compressedSize: bytes, crc32: checksum } = entry;
  const packed = entry.compressionMethod !== 0 || entry.isEncrypted();
  const { fileDataStart: at } = answered<{ fileDataStart: number }>(file, (done) =>
    zip.readLocalFileHeader(entry, { minimal: true }, done),
  );
  return { name, at, bytes, checksum, packed };
}

/** The answer to a call of yauzl. @throws CheckpointError with yauzl's message */
function answered<T>(file: WeightsFile, call: (done: (error: Error | null, value?: T) => void) => void): T {
  const answer: { error: unknown; value: T | undefined } = { error: null, value: undefined };
  try {
    call((error, value) => Object.assign(answer, { error, value }));
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    answer.error = error;
  }
  if (answer.value !== undefined && answer.error === null) return answer.value;
  const problem = answer.error === null ? "it ends early" : messageOf(answer.error);
  throw file.fault(`is a damaged zip archive (${problem})`, undefined, answer.error ?? undefined);
}
