import type { Dataset } from "./dataset.js";
import type { TagName } from "./tags.js";

/** Whose scan it is and what it is called, as the file says; "" where it does not. */
export interface SeriesIdentity {
  patientId: string;
  accession: string;
  studyUid: string;
  seriesUid: string;
  seriesNumber: string;
  seriesDescription: string;
  modality: string;
  frameOfReference: string;
}

/** How it was acquired, for audits: a label that these alone predict is worth a look. */
export interface AcquisitionFacts {
  manufacturer: string;
  model: string;
  kernel: string;
  /** kV */
  kVp: number | undefined;
  /** mm */
  sliceThickness: number | undefined;
  /** Degrees, as the scanner notes it; facts.tilt of a volume is what the positions say. */
  gantryTilt: number | undefined;
  bodyPart: string;
  institution: string;
  station: string;
  /** YYYYMMDD */
  studyDate: string;
  acquisitionDate: string;
  imageType: string;
}

export function identityOf(set: Dataset): SeriesIdentity {
  const text = (name: TagName) => set.string(name) ?? "";
  return {
    patientId: text("PatientID"),
    accession: text("AccessionNumber"),
    studyUid: text("StudyInstanceUID"),
    seriesUid: text("SeriesInstanceUID"),
    seriesNumber: text("SeriesNumber"),
    seriesDescription: text("SeriesDescription"),
    modality: text("Modality"),
    frameOfReference: text("FrameOfReferenceUID"),
  };
}

export function acquisitionOf(set: Dataset): AcquisitionFacts {
  const sets = [set, ...functionalGroups(set)];
  const text = (name: TagName) => sets.map((one) => one.string(name)).find(Boolean) ?? "";
  const decimal = (name: TagName) => sets.map((one) => one.decimal(name)).find((value) => value !== undefined);
  return {
    manufacturer: text("Manufacturer"),
    model: text("ManufacturerModelName"),
    kernel: text("ConvolutionKernel"),
    kVp: decimal("KVP"),
    sliceThickness: decimal("SliceThickness"),
    gantryTilt: decimal("GantryDetectorTilt"),
    bodyPart: text("BodyPartExamined"),
    institution: text("InstitutionName"),
    station: text("StationName"),
    studyDate: text("StudyDate"),
    acquisitionDate: text("AcquisitionDate") || text("AcquisitionDateTime").slice(0, 8),
    imageType: set.strings("ImageType").join("\\"),
  };
}

/** Of an enhanced image: the shared groups, and those of the first frame, that hold such facts. */
function functionalGroups(set: Dataset): Dataset[] {
  if (!set.has("SharedFunctionalGroupsSequence")) return [];
  const [shared] = set.items("SharedFunctionalGroupsSequence", 1);
  return (["CTReconstructionSequence", "CTXRayDetailsSequence", "PixelMeasuresSequence"] as const).flatMap(
    (name) => shared?.items(name, 1).slice(0, 1) ?? [],
  );
}
