/** Describes DICOM series by their headers, and whether each can be a volume. */
import {
  DicomSeriesError,
  partDescription,
  partUid,
  planDicomSeries,
  syntaxName,
  VolumeFormatError,
  type DicomPlan,
  type DicomSeries,
  type Triple,
} from "@slicestack/volume";
import type { Found } from "../data/ingest/discover.js";
import type { SourceVolume } from "../data/ingest/source.js";
import type { Identity } from "./identity.js";
import { short } from "./number-text.js";

export interface SeriesLook {
  path: string;
  uid: string;
  /** Its source in a data set that was prepared with the same salt. */
  source: string;
  description: string;
  /** A salted hash, unless ids are kept. */
  patient: string;
  /** Counted from 1 within this source. */
  study: number;
  slices: number;
  /** Columns, rows. */
  size: [number, number];
  /** mm between slices; the median if it is uneven, null if positions and thickness are missing. */
  sliceSpacing: number | null;
  transferSyntaxes: string[];
  /** Of the acquisition; dates are left out because they may identify a person. */
  facts: Record<string, string>;
  /** Of the resulting volume; null if the series is refused. */
  volume: { shape: Triple; spacing: Triple } | null;
  /** Why it is refused, and what to do. */
  refused: string | null;
  /** What reading corrects, such as a tilt or gaps. */
  mended: string[];
}

export interface PlanOptions {
  allowGaps: boolean;
  /** Accept a series of one slice, which prepare refuses. */
  allowSingle?: boolean;
}

/** In the order of the volumes. */
export function lookAtSeries(found: Found, identity: Identity, options: PlanOptions): SeriesLook[] {
  const studies = new Map<string, number>();
  return found.volumes.flatMap((volume) => {
    const series = found.series.get(volume);
    if (series === undefined) return [];
    const study = volume.series?.study ?? "";
    if (!studies.has(study)) studies.set(study, studies.size + 1);
    const source = identity.series(partUid(series));
    const patient = identity.patient(series.patientId);
    return [{ ...describeSeries(volume, series, options), source, study: studies.get(study)!, patient }];
  });
}

function describeSeries(
  volume: SourceVolume,
  series: DicomSeries,
  options: PlanOptions,
): Omit<SeriesLook, "source" | "study" | "patient"> {
  const plan = planOf(series, options);
  const spacing = volume.series?.spacing ?? NaN;
  return {
    path: volume.path,
    uid: series.seriesUid,
    description: partDescription(series),
    slices: series.slices.length,
    size: [series.columns, series.rows],
    sliceSpacing: plan.ok ? plan.spacing[2] : Number.isFinite(spacing) ? spacing : null,
    transferSyntaxes: series.transferSyntaxes.map(syntaxName),
    facts: seriesFacts(series),
    volume: plan.ok ? { shape: plan.shape, spacing: plan.spacing } : null,
    refused: plan.ok ? null : plan.reason,
    mended: plan.ok ? correctionsOf(plan) : [],
  };
}

function planOf(
  series: DicomSeries,
  options: PlanOptions,
): ({ ok: true } & DicomPlan) | { ok: false; reason: string } {
  try {
    return { ok: true, ...planDicomSeries(series, options) };
  } catch (error) {
    if (error instanceof DicomSeriesError) return { ok: false, reason: `${error.problem}. ${error.remedy}` };
    if (error instanceof VolumeFormatError) return { ok: false, reason: error.message };
    throw error;
  }
}

/** Why prepare refuses it; null if it does not. */
export function refusalOf(series: DicomSeries, options: PlanOptions): string | null {
  const plan = planOf(series, options);
  return plan.ok ? null : plan.reason;
}

function correctionsOf({ facts }: DicomPlan): string[] {
  const { filled, tilt, framesOfReference } = facts;
  return [
    ...(framesOfReference > 1
      ? [
          `its files name ${framesOfReference} frames of reference (FrameOfReferenceUID); their positions are regular, so they are one volume`,
        ]
      : []),
    ...(filled.length > 0 ? [`${filled.length} missing slices are interpolated`] : []),
    ...(tilt === undefined ? [] : [`a gantry tilt of ${tilt.degrees.toFixed(1)} degrees is corrected`]),
  ];
}

/** Facts of the acquisition from the headers, without anything that identifies a person. */
export function seriesFacts({
  acquisition,
  modality,
  transferSyntaxes,
}: DicomSeries): Record<string, string> {
  const {
    manufacturer,
    model,
    kernel,
    kVp,
    sliceThickness,
    gantryTilt,
    institution,
    station,
    bodyPart,
    imageType,
  } = acquisition;
  const number = (value: number | undefined, unit: string) =>
    value === undefined ? "" : `${short(value)} ${unit}`;
  const facts = {
    modality,
    manufacturer,
    model,
    kernel,
    tube: number(kVp, "kV"),
    "slice thickness": number(sliceThickness, "mm"),
    "gantry tilt": gantryTilt === 0 ? "" : number(gantryTilt, "degrees"),
    "body part": bodyPart,
    institution,
    station,
    "image type": imageType,
    "transfer syntax": transferSyntaxes.map(syntaxName).join(", "),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== ""));
}
