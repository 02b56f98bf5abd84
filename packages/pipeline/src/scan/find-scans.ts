/** Finds scans in files, folders, archives and patterns, each of which is searched like the source of `prepare`. */
import { existsSync } from "node:fs";
import { discover } from "../data/ingest/discover.js";
import { rankSeries, studiesOf } from "../data/ingest/series.js";
import type { SetAside, SourceVolume, VolumeInput } from "../data/ingest/source.js";
import { findMasks } from "../data/prepare/masks.js";
import { PrepareError } from "../data/errors.js";
import { withoutPrefix } from "../data/reason.js";
import type { Progress } from "../engine/progress.js";
import { PredictError } from "./errors.js";

/** A scan that was found but not read. */
export interface FoundScan {
  /** Unique among the scans of one call: the SeriesInstanceUID for DICOM, otherwise the name of the file. */
  id: string;
  /** The input and the path below it, for messages. */
  source: string;
  input: VolumeInput;
  /** File with the region to keep, if the recipe crops to masks. */
  mask: string | null;
  /** Facts about the acquisition from the headers. */
  facts: Record<string, string>;
}

/** A scan that cannot be predicted. */
export interface FailedScan {
  source: string;
  reason: string;
}

export interface FoundScans {
  scans: FoundScan[];
  failed: FailedScan[];
  /** Files that are not scans, and series that were not requested. */
  setAside: SetAside[];
}

export interface FindOptions {
  /** Which series of a DICOM study: thinnest, a UID, or a regular expression on the description. Default: all. */
  series?: string;
  mask?: string | null;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

/**
 * @param inputs paths or patterns such as `scans/*.nii.gz`
 * @returns the scans, and inputs that cannot be read with the reason; these do not stop the others
 * @throws PredictError if nothing was given   @throws the signal's reason
 */
export async function findScans(inputs: readonly string[], options: FindOptions = {}): Promise<FoundScans> {
  if (inputs.length === 0)
    throw new PredictError("Expected scans, received none", "Name files, folders or archives.");
  if (options.series !== undefined) rankSeries([], options.series); // a rule that cannot be read concerns every input
  const found: FoundScans = { scans: [], failed: [], setAside: [] };
  for (const input of await expanded(inputs)) {
    options.signal?.throwIfAborted();
    try {
      await addFrom(input, found, options);
    } catch (error) {
      if (!(error instanceof PrepareError)) throw error;
      found.failed.push({ source: input, reason: withoutPrefix(error.message, input) });
    }
  }
  nameApart(found.scans);
  refuseSharedMasks(found.scans);
  return found;
}

const PATTERN = /[*?[\]{}]/;

/** Expands a pattern that the shell did not expand, or that came from a list, into the matching paths. */
async function expanded(inputs: readonly string[]): Promise<string[]> {
  const paths: string[] = [];
  for (const input of inputs) {
    if (!PATTERN.test(input) || existsSync(input)) paths.push(input);
    else {
      const { glob } = await import("tinyglobby");
      const fitting = await glob(input, { onlyFiles: false, expandDirectories: false });
      paths.push(...(fitting.length === 0 ? [input] : fitting.sort()));
    }
  }
  return paths;
}

async function addFrom(source: string, found: FoundScans, options: FindOptions): Promise<void> {
  const { series, mask = null, onProgress, signal } = options;
  const { volumes, broken, setAside } = await discover(source, {
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
  const chosen = series === undefined ? volumes : ofSeries(volumes, series, source, found);
  const masks = mask === null ? null : findMasks(mask, chosen);
  found.scans.push(
    ...chosen.map((volume) => ({
      id: volume.input.kind === "dicom" ? volume.input.series : volume.id,
      source: sourceName(source, volume.path),
      input: volume.input,
      mask: masks?.get(volume.id) ?? null,
      facts: volume.facts,
    })),
  );
  found.failed.push(...broken.map(({ path, reason }) => ({ source: sourceName(source, path), reason })));
  found.setAside.push(...setAside.map((one) => ({ ...one, path: sourceName(source, one.path) })));
}

/** Selects the series that the rule prefers, one per study; volumes that are not DICOM are unaffected. */
function ofSeries(
  volumes: readonly SourceVolume[],
  rule: string,
  source: string,
  found: FoundScans,
): SourceVolume[] {
  const chosen = volumes.filter(({ series }) => series === null);
  for (const study of studiesOf(volumes)) {
    const [best] = rankSeries(study, rule);
    if (best === undefined) {
      const names = study.map(({ series }) => `"${series!.description}"`).join(", ");
      const reason = `none of its series matches --series ${rule}; it has ${names}`;
      found.failed.push({ source: sourceName(source, study[0]!.path), reason });
      continue;
    }
    chosen.push(best);
    const reason = `series "${best.series!.description}" is predicted in its place (--series ${rule})`;
    for (const other of study)
      if (other !== best) found.setAside.push({ path: sourceName(source, other.path), reason });
  }
  return chosen;
}

/** The name of a source; if the source is a single file, its own path. */
const sourceName = (source: string, path: string): string => {
  const plain = source.replace(/[/\\]+$/, "");
  return plain.endsWith(`/${path}`) || plain === path ? plain : `${plain}/${path}`;
};

/** Appends numbers to equal file names from different folders, in the order in which they were given. */
function nameApart(scans: FoundScan[]): void {
  const taken = new Set(scans.map(({ id }) => id));
  const times = new Map<string, number>();
  for (const scan of scans) {
    let number = (times.get(scan.id) ?? 0) + 1;
    const { id } = scan;
    if (number > 1) {
      while (taken.has(`${id}-${number}`)) number++;
      scan.id = `${id}-${number}`;
      taken.add(scan.id);
    }
    times.set(id, number);
  }
}

/** Scans of one name in two folders would be cropped to one mask. @throws PredictError */
function refuseSharedMasks(scans: readonly FoundScan[]): void {
  const owners = new Map<string, string>();
  for (const { mask, source } of scans) {
    if (mask === null) continue;
    const other = owners.get(mask);
    if (other !== undefined)
      throw new PredictError(
        `The mask ${mask} fits ${other} and ${source}`,
        "Predict them in two calls, each with its masks.",
      );
    owners.set(mask, source);
  }
}
