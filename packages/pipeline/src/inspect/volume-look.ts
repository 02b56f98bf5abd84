/** Describes one volume. */
import {
  npyDtypeOf,
  orientationCode,
  partDescription,
  type DicomSeries,
  type Triple,
  type Volume,
} from "@slicestack/volume";
import { readNiftiHeader } from "@slicestack/volume/node";
import type { SetAside, SourceVolume } from "../data/ingest/source.js";
import type { Dataset } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";
import { GEOMETRY_COLUMN } from "../data/subjects.js";
import { coarseHistogram, type Histogram } from "./histogram.js";
import type { Identity } from "./identity.js";
import { short, times } from "./number-text.js";
import type { ReadVolume } from "./read.js";
import { seriesFacts } from "./series-look.js";
import type { AsideCount } from "./source-look.js";
import { ValueCounts, type ValueFacts } from "./values.js";

export interface VolumeLook {
  kind: "volume";
  name: string;
  format: string;
  /** nx, ny, nz, as stored. */
  shape: Triple;
  /** mm */
  spacing: Triple;
  /** LPS mm of the first voxel's centre. */
  origin: Triple;
  /** Row-major 3 x 3. */
  direction: number[];
  /** Such as LAS: the directions in which x, y and z increase; null if the format does not tell. */
  orientation: string | null;
  unit: "HU" | "arbitrary";
  /** Of the values after slope and intercept. */
  dtype: string;
  values: ValueFacts;
  histogram: Histogram;
  /** Further facts from the format, the scanner or the index of the data set. */
  facts: Record<string, string>;
  /** Other files beside it. */
  setAside: AsideCount[];
  /** Volumes beside it that cannot be read. */
  broken: SetAside[];
}

export interface SeenVolume {
  look: VolumeLook;
  counts: ValueCounts;
}

/** @param context facts other than the voxels */
export function lookAtVolume(
  { volume, format, placed }: Pick<ReadVolume, "volume" | "format" | "placed">,
  context: Pick<VolumeLook, "name" | "facts" | "setAside" | "broken">,
): SeenVolume {
  const counts = ValueCounts.of(volume.data);
  const { shape, spacing, origin, direction, unit } = volume;
  const look: VolumeLook = {
    kind: "volume",
    name: context.name,
    format,
    shape,
    spacing,
    origin,
    direction,
    orientation: placed ? orientationCode(volume) : null,
    unit,
    dtype: npyDtypeOf(volume.data),
    values: counts.facts(),
    histogram: coarseHistogram(counts, unit),
    facts: context.facts,
    setAside: context.setAside,
    broken: context.broken,
  };
  return { look, counts };
}

/** Facts of a volume in the source, other than its voxels. */
export async function sourceFacts(
  found: SourceVolume,
  series: DicomSeries | undefined,
  { facts, format }: ReadVolume,
  identity: Identity,
): Promise<Record<string, string>> {
  const label = found.className === null ? {} : { class: found.className };
  const part = found.part === null ? {} : { part: found.part };
  const corrections = Object.fromEntries(
    Object.entries(facts).filter((fact) => isCorrection(fact) && fact[0] !== GEOMETRY_COLUMN),
  );
  const stored =
    format === "NIfTI" && found.input.kind === "file"
      ? await niftiFacts(found.input.path)
      : nonEmpty({ "geometry notes": facts[GEOMETRY_COLUMN] ?? "" });
  if (series === undefined) return { ...stored, ...label, ...part, ...corrections };
  const identityFacts = {
    description: partDescription(series),
    patient: identity.patient(series.patientId),
    "series UID": series.seriesUid,
  };
  return { ...nonEmpty(identityFacts), ...seriesFacts(series), ...label, ...part, ...corrections };
}

const isCorrection = ([name, value]: [string, string]): boolean =>
  value !== (name === "frames_of_reference" ? "1" : "0") && value !== "";

/** The non-empty facts. */
const nonEmpty = (facts: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== ""));

async function niftiFacts(path: string): Promise<Record<string, string>> {
  const { version, dtype, littleEndian, slope, intercept, geometry, geometryNotes } =
    await readNiftiHeader(path);
  const scaled = slope === 1 && intercept === 0 ? "" : `, times ${short(slope)} plus ${short(intercept)}`;
  return {
    stored: `NIfTI-${version}, ${dtype}, ${littleEndian ? "little" : "big"} endian${scaled}`,
    "geometry from": geometry,
    ...nonEmpty({ "geometry notes": geometryNotes.join("; ") }),
  };
}

/** Facts of a volume in subjects.csv. @param part of the split */
export function recordFacts(
  { info }: Dataset,
  record: VolumeRecord,
  part: string | null,
): Record<string, string> {
  const { subject, label, first, count, original, crop, source, sha256, meanLungHu, extra } = record;
  const facts = {
    subject,
    class: `${info.classes[label] ?? ""} (${label})`,
    part: part ?? "",
    slices: `${first} to ${first + count - 1} of slices.npy`,
    source,
    "source shape": times(original.shape),
    "source spacing": `${times(original.spacing)} mm`,
    crop:
      crop === null
        ? ""
        : `x ${crop[0]} to ${crop[1]}, y ${crop[2]} to ${crop[3]}, z ${crop[4]} to ${crop[5]} (ends excluded)`,
    "source sha256": sha256,
    "mean lung HU": meanLungHu === null ? "" : short(meanLungHu),
    ...extra,
  };
  return nonEmpty(facts);
}

/** The default for black and white: the published window for HU, otherwise all values. */
export function defaultWindow(
  { unit, data }: Pick<Volume, "unit" | "data">,
  counts: ValueCounts,
): [number, number] {
  if (unit === "HU") return [-1000, 400];
  if (data instanceof Uint8Array && counts.most > 1) return [0, 255];
  const { least, most } = counts;
  if (!Number.isFinite(least)) return [0, 1];
  return least < most ? [least, most] : [least, least + 1];
}
