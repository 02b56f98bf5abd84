import { VolumeFileError, type VolumeFormat } from "./errors.js";
import { promisedFormat } from "./detect.js";
import { volumeOfColumns } from "./npy/volume.js";
import type { NpyArray } from "./npy/array.js";
import { isMedmnist } from "./npz/medmnist.js";
import type { Npz } from "./npz/open-npz.js";
import { refuser } from "./refuse.js";
import type { Volume } from "./volume.js";

export interface ReadVolumeOptions {
  /** Unit of the values; default "HU" for NIfTI, NRRD and MetaImage, "arbitrary" for arrays and pictures. */
  unit?: "HU" | "arbitrary";
}

/** The result of readVolume and parseVolume. */
export interface DetectedVolume {
  volume: Volume;
  format: VolumeFormat;
}

export const unitOf = ({ unit }: ReadVolumeOptions) => (unit === undefined ? {} : { unit });

/** The published layout of one volume, (H, W, slices). */
export function volumeOfNpy(array: NpyArray, file: string, options: ReadVolumeOptions): Volume {
  return { ...volumeOfColumns(array, file), ...unitOf(options) };
}

/** The only array of an .npz file that is a volume. @throws VolumeFormatError there is none, or there are several */
export async function volumeOfNpz(npz: Npz, options: ReadVolumeOptions): Promise<Volume> {
  const refuse = refuser(npz.name, "npz");
  if (isMedmnist(npz)) refuse("it holds many volumes in the layout of MedMNIST", "Read it with Medmnist.");
  const candidates = [...npz.arrays].filter(([, { shape }]) => shape.length === 3);
  const [only] = candidates;
  if (only === undefined || candidates.length > 1) {
    const held = [...npz.arrays].map(([name, { shape }]) => `${name} (${shape.join(", ")})`).join(", ");
    return refuse(`expected one array with three axes, it holds ${held}`, "Read its arrays with openNpz.");
  }
  return volumeOfNpy(await only[1].read(), only[1].name, options);
}

/** Refuses content of an unknown format, whatever the name says. */
export function refuseUnknown(file: string, inside: "gzip" | null): never {
  const promised = promisedFormat(file);
  const found =
    inside === "gzip"
      ? "it is gzip, but its content is not NIfTI"
      : "its content has no signature of a known format";
  if (promised !== null) refuser(file, promised)(found, "Check that it is the right file, and complete.");
  const known = "NIfTI, NRRD, MetaImage, npy, npz, DICOM, PNG or JPEG slices";
  throw new VolumeFileError(file, found, `Give a file of one of these: ${known}.`);
}

export function refuseDicom(file: string): never {
  return refuser(file, "DICOM")(
    "one file is one slice of a series",
    "Read the series with the DICOM reader.",
  );
}

export function refuseArchive(file: string): never {
  return refuser(file, "zip")("it is an archive of files", "Unpack it, or open it with openZip.");
}

export function refusePicture(file: string, format: "PNG" | "JPEG"): never {
  return refuser(file, format)(
    "a single picture is not a volume",
    "Give the folder that holds the slices of one subject.",
  );
}
