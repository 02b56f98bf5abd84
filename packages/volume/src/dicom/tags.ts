/**
 * Every element that a scan or a volume is made of, and no others: PatientName, birth date, addresses, physicians,
 * comments and all private elements are skipped unread (only readDicomElements reads what it is asked for). Names are
 * those of PS3.6, as 0xGGGGEEEE.
 */
export const TAG = {
  // Group 0002: the kind of file.
  MediaStorageSOPClassUID: 0x00020002,
  TransferSyntaxUID: 0x00020010,
  // Identity, for labels, splits and messages.
  SpecificCharacterSet: 0x00080005,
  SOPClassUID: 0x00080016,
  SOPInstanceUID: 0x00080018,
  AccessionNumber: 0x00080050,
  Modality: 0x00080060,
  SeriesDescription: 0x0008103e,
  PatientID: 0x00100020,
  StudyInstanceUID: 0x0020000d,
  SeriesInstanceUID: 0x0020000e,
  SeriesNumber: 0x00200011,
  FrameOfReferenceUID: 0x00200052,
  // Acquisition, for audits.
  ImageType: 0x00080008,
  StudyDate: 0x00080020,
  AcquisitionDate: 0x00080022,
  AcquisitionDateTime: 0x0008002a,
  Manufacturer: 0x00080070,
  InstitutionName: 0x00080080,
  StationName: 0x00081010,
  ManufacturerModelName: 0x00081090,
  BodyPartExamined: 0x00180015,
  SliceThickness: 0x00180050,
  KVP: 0x00180060,
  SpacingBetweenSlices: 0x00180088,
  GantryDetectorTilt: 0x00181120,
  ConvolutionKernel: 0x00181210,
  // Position and time of each slice.
  AcquisitionTime: 0x00080032,
  ContentTime: 0x00080033,
  AcquisitionNumber: 0x00200012,
  InstanceNumber: 0x00200013,
  ImagePositionPatient: 0x00200032,
  ImageOrientationPatient: 0x00200037,
  TemporalPositionIdentifier: 0x00200100,
  PixelSpacing: 0x00280030,
  // Description of the pixels.
  SamplesPerPixel: 0x00280002,
  PhotometricInterpretation: 0x00280004,
  NumberOfFrames: 0x00280008,
  Rows: 0x00280010,
  Columns: 0x00280011,
  BitsAllocated: 0x00280100,
  BitsStored: 0x00280101,
  HighBit: 0x00280102,
  PixelRepresentation: 0x00280103,
  PixelPaddingValue: 0x00280120,
  PixelPaddingRangeLimit: 0x00280121,
  RescaleIntercept: 0x00281052,
  RescaleSlope: 0x00281053,
  RescaleType: 0x00281054,
  ModalityLUTSequence: 0x00283000,
  LossyImageCompression: 0x00282110,
  // Functional groups of enhanced multi-frame images.
  CTReconstructionSequence: 0x00189314,
  CTXRayDetailsSequence: 0x00189325,
  FrameContentSequence: 0x00209111,
  PlanePositionSequence: 0x00209113,
  PlaneOrientationSequence: 0x00209116,
  FrameAcquisitionNumber: 0x00209156,
  TemporalPositionIndex: 0x00209128,
  PixelMeasuresSequence: 0x00289110,
  PixelValueTransformationSequence: 0x00289145,
  SharedFunctionalGroupsSequence: 0x52009229,
  PerFrameFunctionalGroupsSequence: 0x52009230,
  // Pixel data.
  ExtendedOffsetTable: 0x7fe00001,
  ExtendedOffsetTableLengths: 0x7fe00002,
  FloatPixelData: 0x7fe00008,
  DoubleFloatPixelData: 0x7fe00009,
  PixelData: 0x7fe00010,
} as const;

export type TagName = keyof typeof TAG;

export const WANTED: ReadonlySet<number> = new Set<number>(Object.values(TAG));

/** "(0020,0032)" */
export function tagText(tag: number): string {
  const hex = tag.toString(16).padStart(8, "0").toUpperCase();
  return `(${hex.slice(0, 4)},${hex.slice(4)})`;
}
