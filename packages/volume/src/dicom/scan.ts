import { VolumeFileError, VolumeFormatError } from "../errors.js";
import { readHeader, type DicomHeader } from "./header.js";
import { groupSeries } from "./series.js";
import type { DicomSeries } from "./dicom-series.js";
import type { SetAside, SetAsideOptions, SetAsideReason } from "./set-aside.js";
import type { DicomSource } from "./source.js";

export interface DicomScanOptions extends SetAsideOptions {
  /** Files read at once; default 8. */
  concurrency?: number;
  signal?: AbortSignal;
}

export interface DicomScan {
  series: DicomSeries[];
  /** Every file that does not belong to a series, with the reason. */
  setAside: SetAside[];
}

/**
 * Finds the series in any list of files: nested, mixed, without extensions. Only headers are read (the first 16 KB
 * where that is enough), and only the elements of TAG. Every file is either in a series or set aside.
 * @throws what a source's read throws, except VolumeFileError
 */
export async function scanDicom(
  sources: Iterable<DicomSource> | AsyncIterable<DicomSource>,
  options: DicomScanOptions = {},
): Promise<DicomScan> {
  const setAside: { index: number; aside: SetAside }[] = [];
  const headers: { index: number; header: DicomHeader }[] = [];
  const take = async (source: DicomSource, index: number): Promise<void> => {
    options.signal?.throwIfAborted();
    const found = await headerOrReason(source, options);
    if ("code" in found) setAside.push({ index, aside: { name: source.name, ...found } });
    else headers.push({ index, header: found });
  };
  await forEachOf(sources, options.concurrency ?? 8, take);

  // Several files are read at a time; the results keep the order of the files.
  headers.sort((a, b) => a.index - b.index);
  const seen: Seen = new Map();
  const kept: DicomHeader[] = [];
  for (const { index, header } of headers) {
    options.signal?.throwIfAborted();
    const reason = await sameInstance(header, seen);
    if (reason === undefined) kept.push(header);
    else setAside.push({ index, aside: { name: header.image.source.name, ...reason } });
  }
  setAside.sort((a, b) => a.index - b.index);
  return { series: groupSeries(kept), setAside: setAside.map(({ aside }) => aside) };
}

async function headerOrReason(
  source: DicomSource,
  options: DicomScanOptions,
): Promise<DicomHeader | SetAsideReason> {
  try {
    return await readHeader(source, options);
  } catch (error) {
    if (error instanceof VolumeFormatError)
      return { code: "damaged", reason: `it is damaged: ${error.problem}` };
    if (error instanceof VolumeFileError) return { code: "unreadable", reason: error.message };
    throw error;
  }
}

/** Files that were kept, by the attributes that distinguish them. */
type Seen = Map<string, DicomHeader[]>;

/**
 * Detects a file that was exported twice: same SOPInstanceUID, position, number and size. Where only the UID is the
 * same, an anonymiser may have written one UID for all files, so both are kept, and the positions decide whether the
 * series is valid. Without a UID, a file is a copy where every byte is the same.
 */
async function sameInstance(header: DicomHeader, seen: Seen): Promise<SetAsideReason | undefined> {
  const { sopInstance = "" } = header.image;
  const key = `${sopInstance} ${instanceKey(header)}`;
  const alike = seen.get(key) ?? [];
  for (const first of alike) {
    const { name } = first.image.source;
    if (sopInstance !== "") return { code: "same-instance", reason: `it is the same image as ${name}` };
    if (await sameBytes(first.image.source, header.image.source))
      return { code: "same-instance", reason: `it is a copy of ${name}, byte for byte` };
  }
  seen.set(key, [...alike, header]);
  return undefined;
}

async function sameBytes(one: DicomSource, other: DicomSource): Promise<boolean> {
  try {
    const [a, b] = [await one.read(), await other.read()];
    return a.length === b.length && a.every((byte, i) => byte === b[i]);
  } catch (error) {
    // A file that cannot be read now is reported when the series is read.
    if (error instanceof VolumeFileError || error instanceof VolumeFormatError) return false;
    throw error;
  }
}

function instanceKey({ identity, image, slices }: DicomHeader): string {
  const { source, syntaxUid, pixels } = image;
  const places = slices.map(({ position, instanceNumber, contentTime }) => [
    position,
    instanceNumber,
    contentTime,
  ]);
  return JSON.stringify([identity.seriesUid, syntaxUid, source.size, pixels.rows, pixels.columns, places]);
}

/** Runs `use` on each item, a few at a time, and stops at the first error. */
async function forEachOf<T>(
  items: Iterable<T> | AsyncIterable<T>,
  atOnce: number,
  use: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let index = 0;
  let failed = false;
  // Each worker awaits its turn for the next item, because async iterators yield one at a time.
  let turn: Promise<unknown> = Promise.resolve();
  const next = (): Promise<{ result: IteratorResult<T>; at: number }> => {
    const mine = turn.then(async () => ({ result: await iterator.next(), at: index++ }));
    turn = mine.catch(() => undefined);
    return mine;
  };
  const worker = async (): Promise<void> => {
    while (!failed) {
      const { result, at } = await next();
      if (result.done === true) return;
      await use(result.value, at);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, atOnce) }, worker));
  } catch (error) {
    failed = true;
    await iterator.return?.();
    throw error;
  }
}
