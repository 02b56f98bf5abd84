/** What a preparation notes about a volume, as texts by name, and what of it should be doubted. */
import type { DicomFacts } from "../dicom/read.js";
import type { DicomSeries } from "../dicom/dicom-series.js";
import { VALUE_FLAGS, type ValueFlag } from "./hounsfield-range.js";

/** Flags of valueFlags, separated by blanks. */
export const FLAGS_FACT = "value_flags";
/** What the geometry in a header contradicts, and what was used in its place. */
export const GEOMETRY_FACT = "geometry_notes";

/** What was corrected while a DICOM series was read. */
export function correctionFacts(facts: DicomFacts): Record<string, string> {
  const { filled, tilt, padding, framesOfReference, lossy } = facts;
  return {
    gaps_filled: String(filled.length),
    tilt_corrected: tilt === undefined ? "" : `${tilt.degrees.toFixed(1)} degrees`,
    padding_voxels: String(padding.voxels),
    frames_of_reference: String(framesOfReference),
    lossy: lossy ? "yes" : "no",
  };
}

/** How a series was acquired, to be compared with labels and with other scans. No dates, which may identify a person. */
export function acquisitionFacts({
  acquisition,
  modality,
}: Pick<DicomSeries, "acquisition" | "modality">): Record<string, string> {
  const { manufacturer, model, kernel, kVp, sliceThickness, institution, station, bodyPart } = acquisition;
  return {
    modality,
    site: institution,
    station,
    manufacturer,
    model,
    kernel,
    kvp: kVp === undefined ? "" : String(kVp),
    slice_thickness: sliceThickness === undefined ? "" : String(sliceThickness),
    body_part: bodyPart,
  };
}

/** Facts that name the place where a scan was made; left out of results, which may be shared. */
const PLACES = new Set(["site", "station"]);

/** The facts that a result may show. */
export const shareableFacts = (facts: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(facts).filter(([name, value]) => value !== "" && !PLACES.has(name)));

/** Sentences about a scan that was corrected, or whose values or header are doubtful. */
export function preparationDoubts(facts: Readonly<Record<string, string>>): string[] {
  const doubts: string[] = [];
  const gaps = Number(facts["gaps_filled"] ?? 0);
  const tilt = facts["tilt_corrected"] ?? "";
  const flags = (facts[FLAGS_FACT] ?? "").split(" ").filter((flag): flag is ValueFlag => flag in VALUE_FLAGS);
  const geometry = facts[GEOMETRY_FACT] ?? "";
  if (gaps > 0) doubts.push(`${gaps} missing slices were interpolated`);
  if (tilt !== "") doubts.push(`a gantry tilt of ${tilt} was corrected`);
  if (facts["lossy"] === "yes") doubts.push("the images were compressed lossily");
  for (const flag of flags) doubts.push(`the values are unlikely to be HU: ${VALUE_FLAGS[flag]}`);
  if (geometry !== "") doubts.push(`the header contradicts itself: ${geometry}`);
  return doubts;
}
