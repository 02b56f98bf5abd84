/** The study that objects are written into: what they copy from its images, and references to these. */
import {
  readDicomElements,
  sortDicomSlices,
  WRITTEN,
  type DicomSeries,
  type DicomSlice,
  type WrittenDataset,
  type WrittenName,
} from "@slicestack/volume";
import { DicomOutputError } from "./errors.js";

export interface SourceStudy {
  series: DicomSeries;
  /** Sorted along their normal. */
  slices: DicomSlice[];
  /** Value of SpecificCharacterSet: of what is copied and of what is added. */
  characterSet: string;
  /** Attributes of patient and study, as they are in the source. */
  copied: WrittenDataset;
  /** StudyDate and StudyTime where they are valid. */
  date: string | null;
  time: string | null;
  /** Lossy compression of the source, which its derived images must not hide. */
  lossy: WrittenDataset;
  /** Whether the source says that its pixels name the patient, which an image of these pixels must repeat. */
  isAnnotated: boolean;
}

/** An archive files objects by these, so every byte is kept, even of a value that the standard does not allow. */
const FILED_BY = [
  "PatientName",
  "PatientID",
  "IssuerOfPatientID",
  "AccessionNumber",
  "StudyID",
  "StudyInstanceUID",
] as const satisfies readonly WrittenName[];

const DATE = /^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/;
const TIME = /^([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
/** Bytes of any character set, escape sequences included, without other control characters and separators of values. */
const PLAIN = /^[^\x00-\x1a\x1c-\x1f\x7f\\]{1,64}$/; // eslint-disable-line no-control-regex

/** What else is copied, if its value has this form. */
const COPIED_IF_VALID = {
  StudyDate: DATE,
  StudyTime: TIME,
  TimezoneOffsetFromUTC: /^[+-](0\d|1[0-4])[0-5]\d$/,
  ReferringPhysicianName: PLAIN,
  StudyDescription: PLAIN,
  PatientBirthDate: DATE,
  PatientSex: /^[FMO]$/,
  PatientAge: /^\d{3}[DWMY]$/,
  PatientSize: NUMBER,
  PatientWeight: NUMBER,
  PatientIdentityRemoved: /^(YES|NO)$/,
  DeidentificationMethod: PLAIN,
} as const satisfies Partial<Record<WrittenName, RegExp>>;

/** Elements that must be present, and may be empty. */
const REQUIRED = [
  "PatientName",
  "PatientID",
  "PatientBirthDate",
  "PatientSex",
  "StudyDate",
  "StudyTime",
  "AccessionNumber",
  "ReferringPhysicianName",
  "StudyID",
] as const satisfies readonly WrittenName[];

const LOSSY = ["LossyImageCompressionRatio", "LossyImageCompressionMethod"] as const;
const NAMES: readonly WrittenName[] = [
  "SpecificCharacterSet",
  ...FILED_BY,
  ...(Object.keys(COPIED_IF_VALID) as (keyof typeof COPIED_IF_VALID)[]),
  ...LOSSY,
  "BurnedInAnnotation",
];

/**
 * Reads what is copied from the first slice. @throws DicomOutputError if the images lack what refers to them
 * @throws DicomSeriesError, VolumeFormatError, VolumeFileError
 */
export async function readSourceStudy(series: DicomSeries): Promise<SourceStudy> {
  const slices = sortDicomSlices(series);
  refuseUnreferable(series, slices);
  const tags = new Map(NAMES.map((name) => [WRITTEN[name][0] as number, name]));
  const values = await readDicomElements(slices[0]!.image.source, [...tags.keys()]);
  const byName = new Map([...values].map(([tag, bytes]) => [tags.get(tag)!, bytes]));
  const text = (name: WrittenName) => latin1(byName.get(name) ?? new Uint8Array());
  const kept = [...byName].filter(([name, bytes]) => isKept(name, latin1(bytes)));
  const copied: WrittenDataset = {
    ...Object.fromEntries(REQUIRED.map((name) => [name, ""])),
    ...Object.fromEntries(kept),
  };
  const isRemovalNamed =
    copied.PatientIdentityRemoved === undefined || copied.DeidentificationMethod !== undefined;
  return {
    series,
    slices,
    characterSet: characterSetFor(
      text("SpecificCharacterSet"),
      kept.map(([, bytes]) => bytes),
    ),
    // The method is required beside the flag; sources may hold it in a sequence, which is not copied.
    copied: isRemovalNamed ? copied : { ...copied, PatientIdentityRemoved: undefined },
    date: valid("StudyDate", text("StudyDate")),
    time: valid("StudyTime", text("StudyTime")),
    lossy: lossyOf(slices, byName),
    isAnnotated: text("BurnedInAnnotation").trim() === "YES",
  };
}

function refuseUnreferable({ studyUid }: DicomSeries, slices: readonly DicomSlice[]): void {
  const remedy = "Export the series again with all its attributes.";
  if (studyUid === "") throw new DicomOutputError("incomplete", "its files have no StudyInstanceUID", remedy);
  const bare = slices.find(({ image }) => image.sopInstance === undefined || image.sopClass === undefined);
  if (bare !== undefined)
    throw new DicomOutputError("incomplete", `${bare.file} has no SOPInstanceUID or no SOPClassUID`, remedy);
}

function isKept(name: WrittenName, value: string): boolean {
  if ((FILED_BY as readonly string[]).includes(name)) return true;
  return valid(name, value) !== null;
}

function valid(name: WrittenName, value: string): string | null {
  const form = (COPIED_IF_VALID as Partial<Record<WrittenName, RegExp>>)[name];
  return form?.test(value) === true && value.length <= 64 ? value : null;
}

/** Without a character set, and where all is ASCII, UTF-8 adds what the class names may need. */
function characterSetFor(given: string, copied: readonly Uint8Array[]): string {
  if (given !== "" && given !== "ISO_IR 6") return given;
  return copied.every((bytes) => bytes.every((byte) => byte < 0x80 && byte !== 0x1b)) ? "ISO_IR 192" : "";
}

function lossyOf(
  slices: readonly DicomSlice[],
  byName: ReadonlyMap<WrittenName, Uint8Array>,
): WrittenDataset {
  if (!slices.some(({ image }) => image.lossy)) return { LossyImageCompression: "00" };
  return {
    LossyImageCompression: "01",
    ...Object.fromEntries(LOSSY.flatMap((name) => (byName.has(name) ? [[name, byName.get(name)]] : []))),
  };
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** Refers to the image of a slice, and to its frame if the image has several. */
export const referenceTo = ({ image, frame }: DicomSlice): WrittenDataset => ({
  ReferencedSOPClassUID: image.sopClass,
  ReferencedSOPInstanceUID: image.sopInstance,
  ...(image.pixels.frames > 1 ? { ReferencedFrameNumber: String(frame + 1) } : {}),
});

/** All images of the series, each once. */
export function evidenceOf({ series, slices, copied }: SourceStudy): WrittenDataset {
  const images = new Map(slices.map(({ image }) => [image.sopInstance, image]));
  return {
    StudyInstanceUID: copied.StudyInstanceUID,
    ReferencedSeriesSequence: [
      {
        SeriesInstanceUID: series.seriesUid,
        ReferencedSOPSequence: [...images.values()].map(({ sopClass, sopInstance }) => ({
          ReferencedSOPClassUID: sopClass,
          ReferencedSOPInstanceUID: sopInstance,
        })),
      },
    ],
  };
}
