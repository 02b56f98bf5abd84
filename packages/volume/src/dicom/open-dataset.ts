/** Opens the data set of a file by reading as little of it as its header needs. */
import { damaged, EndOfBytes } from "./damage.js";
import { ElementWalker, type DatasetLocation } from "./elements.js";
import { inflateStart } from "./inflate.js";
import { locateDataset, type FileStart } from "./part10.js";
import type { DicomSource } from "./source.js";
import { syntaxOf } from "./syntaxes.js";

/** The located elements of a file's data set. */
export interface OpenedDataset {
  walker: ElementWalker;
  location: DatasetLocation;
  start: FileStart;
  /** Where the data set begins in the file, which differs from the walker's start where it is deflated. */
  fileStart: number;
}

/** Enough for the header of nearly every single-frame file. */
const HEAD_BYTES = 16384;
/** Limit on the length of a header; it has room for 65535 frames. */
const MAX_HEADER_BYTES = 2 ** 26;

/**
 * Reads the first 16 KB, then four times as much each time until the pixel data is reached, and hands the elements to
 * `use`, which may throw EndOfBytes, too.
 * @param wanted tags to locate  @returns undefined where it is not a DICOM file  @throws VolumeFormatError damaged
 */
export async function openDataset<T>(
  source: DicomSource,
  wanted: ReadonlySet<number>,
  use: (opened: OpenedDataset) => T,
): Promise<T | undefined> {
  for (let most = HEAD_BYTES; ; most *= 4) {
    const { bytes, whole } = await startOf(source, most);
    try {
      const start = locateDataset(bytes, source.name, whole);
      if (start === undefined) return undefined;
      if (syntaxOf(start.syntaxUid)?.deflated === true) return await openDeflated(source, start, wanted, use);
      const walker = new ElementWalker(bytes, source.name, whole, wanted);
      const location = walker.dataset(start.start, start.encoding);
      return use({ walker, location, start, fileStart: start.start });
    } catch (error) {
      if (!(error instanceof EndOfBytes)) throw error;
      if (whole) throw damaged(source.name, "the file ends inside its header", { cause: error });
      if (most >= MAX_HEADER_BYTES) throw tooLong(source.name);
    }
  }
}

/** Without `head`, the whole file is read at once. */
async function startOf(source: DicomSource, most: number): Promise<{ bytes: Uint8Array; whole: boolean }> {
  if (source.head === undefined) return { bytes: await source.read(), whole: true };
  const bytes = await source.head(most);
  return { bytes, whole: bytes.length < most };
}

async function openDeflated<T>(
  source: DicomSource,
  start: FileStart,
  wanted: ReadonlySet<number>,
  use: (opened: OpenedDataset) => T,
): Promise<T> {
  const deflated = (await source.read()).subarray(start.start);
  for (let most = HEAD_BYTES; most <= MAX_HEADER_BYTES; most *= 4) {
    const bytes = await inflateStart(deflated, most, source.name);
    const whole = bytes.length < most;
    try {
      const walker = new ElementWalker(bytes, source.name, whole, wanted);
      const location = walker.dataset(0, start.encoding);
      return use({ walker, location, start: { ...start, start: 0 }, fileStart: start.start });
    } catch (error) {
      if (!(error instanceof EndOfBytes)) throw error;
      if (whole) throw damaged(source.name, "the file ends inside its header", { cause: error });
    }
  }
  throw tooLong(source.name);
}

const tooLong = (file: string) => damaged(file, `its header is longer than ${MAX_HEADER_BYTES} bytes`);
