import type { Dataset } from "./dataset.js";
import type { SeriesIdentity } from "./identity.js";
import type { DicomSlice, PixelLayout } from "./image.js";

/** Why a file is not a slice of a volume; docs/reference/formats.md lists the codes. */
export type SetAsideCode =
  | "not-dicom"
  | "dicomdir"
  | "damaged"
  | "unreadable"
  | "own-result"
  | "secondary-capture"
  | "other-modality"
  | "no-pixels"
  | "colour"
  | "localizer"
  | "derived"
  | "not-hu"
  | "same-instance";

export interface SetAside {
  name: string;
  code: SetAsideCode;
  reason: string;
  /** Patient, study and series of the file where its header gives them, because a label may refer to them. */
  identity?: SeriesIdentity;
}

export type SetAsideReason = Omit<SetAside, "name">;

const MEDIA_DIRECTORY = "1.2.840.10008.1.3.10";
/** Secondary Capture and its multi-frame kinds: pictures of a screen or of paper. */
const SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7";
const LOCALIZER = words("LOCALIZER|SCOUT|TOPOGRAM|SURVIEW|SCANOGRAM");
/** Reformatted, projected or rendered; computed from several images (PS3.3 C.8.16.1.4 names some); screens. */
const DERIVED = words(
  "MPR|MIP|MINIP|MIN IP|CPR|CURVED|VRT|SSD|REFORMATTED|PROJECTION IMAGE|PERFUSION|SUBTRACTION|DIVISION|MULTIPLICATION|" +
    "STD_DEVIATION|MAXIMUM|MINIMUM|SCREEN SAVE|DOSE_INFO|DOSE INFO",
);
const AXIAL = new Set(["AXIAL", "VOLUME"]);
/** HU, or unspecified, which CT files write for HU. */
const HU_TYPES = new Set(["", "HU", "US"]);

/** What the objects that Slicestack writes name as their equipment. */
export const OWN_EQUIPMENT = { manufacturer: "Slicestack", model: "slicestack" } as const;

export interface SetAsideOptions {
  /** Series of other modalities are set aside; default CT. */
  modalities?: readonly string[];
  /** Accepts derived series as volumes, too: reformats, projections, maps. Default false. */
  keepDerived?: boolean;
}

/** Decides by the kind of object, before the pixels are examined. */
export function objectReason(
  set: Dataset,
  mediaStorage: string | undefined,
  options: SetAsideOptions,
): SetAsideReason | undefined {
  const sopClass = set.string("SOPClassUID") ?? mediaStorage ?? "";
  if (sopClass === MEDIA_DIRECTORY || mediaStorage === MEDIA_DIRECTORY) {
    return { code: "dicomdir", reason: "it is a DICOMDIR, a list of other files" };
  }
  const [manufacturer, model] = [set.string("Manufacturer"), set.string("ManufacturerModelName")];
  if (manufacturer === OWN_EQUIPMENT.manufacturer && model === OWN_EQUIPMENT.model) {
    return { code: "own-result", reason: "it is a report or a heat-map that Slicestack wrote" };
  }
  if (sopClass === SECONDARY_CAPTURE || sopClass.startsWith(`${SECONDARY_CAPTURE}.`)) {
    return {
      code: "secondary-capture",
      reason: "it is a secondary capture, a picture of a screen or of paper",
    };
  }
  const modality = set.string("Modality") ?? "";
  const modalities = options.modalities ?? ["CT"];
  if (modalities.includes(modality)) return undefined;
  const named = modality === "" ? "it has no modality" : `its modality is ${modality}`;
  return { code: "other-modality", reason: `${named}, expected ${modalities.join(" or ")}` };
}

/**
 * Decides by what the image shows. The third value of ImageType (PS3.3 C.8.2.1.1.1) decides, not the first two:
 * scanners call axial reconstructions DERIVED\PRIMARY\AXIAL or ORIGINAL\SECONDARY\AXIAL too, and lossy compression
 * makes any image DERIVED. So an axial image is kept unless a further value names a computation; one that is DERIVED
 * and not axial is set aside.
 */
export function imageReason(
  set: Dataset,
  pixels: PixelLayout,
  options: SetAsideOptions,
): SetAsideReason | undefined {
  if (pixels.samplesPerPixel !== 1 || !pixels.photometric.startsWith("MONOCHROME")) {
    const kind = `${pixels.samplesPerPixel} samples per pixel, ${pixels.photometric}`;
    return { code: "colour", reason: `it is a colour image (${kind}), which contains no HU` };
  }
  const types = set.strings("ImageType").map((value) => value.toUpperCase());
  const [pixelKind, , flavour = ""] = types;
  const named = `its ImageType is ${types.join("\\")}`;
  if (types.some((type) => LOCALIZER.test(type)))
    return { code: "localizer", reason: `it is a localizer: ${named}` };
  const isDerived =
    types.some((type) => DERIVED.test(type)) || (pixelKind === "DERIVED" && !AXIAL.has(flavour));
  if (isDerived && options.keepDerived !== true)
    return { code: "derived", reason: `it is derived: ${named}` };
  return undefined;
}

/** CT can hold other quantities too, such as electron density or material maps of two energies. */
export function quantityReason(modality: string, slices: readonly DicomSlice[]): SetAsideReason | undefined {
  if (modality !== "CT") return undefined;
  const other = slices.map((slice) => slice.rescaleType.toUpperCase()).find((type) => !HU_TYPES.has(type));
  return other === undefined ? undefined : { code: "not-hu", reason: `its values are ${other}, not HU` };
}

/** Matches a value of ImageType, or a word of one, such as MPR in "CT_SOM5 MPR". */
function words(alternatives: string): RegExp {
  return new RegExp(`(^| )(${alternatives})( |$)`);
}
