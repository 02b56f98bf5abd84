import type { Dataset } from "./dataset.js";
import type { TagName } from "./tags.js";

/** Patient, study and series as the file identifies them; "" where it does not. */
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

/** How the scan was acquired, for audits: a label that can be predicted from these facts alone is suspicious. */
export interface AcquisitionFacts {
  manufacturer: string;
  model: string;
  kernel: string;
  /** kV */
  kVp: number | undefined;
  /** mm */
  sliceThickness: number | undefined;
  /** Gantry tilt in degrees, as recorded by the scanner; facts.tilt of a volume is derived from the positions. */
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
  const decimal = (name: TagName) =>
    sets.map((one) => one.decimal(name)).find((value) => value !== undefined);
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

/** For an enhanced image: the shared functional groups, and those of the first frame, that hold such facts. */
function functionalGroups(set: Dataset): Dataset[] {
  if (!set.has("SharedFunctionalGroupsSequence")) return [];
  const [shared] = set.items("SharedFunctionalGroupsSequence", 1);
  return (["CTReconstructionSequence", "CTXRayDetailsSequence", "PixelMeasuresSequence"] as const).flatMap(
    (name) => shared?.items(name, 1).slice(0, 1) ?? [],
  );
}
