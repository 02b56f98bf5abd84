import { VolumeFormatError } from "../errors.js";
import type { Message } from "../message.js";

/** The bytes at hand end before the data set does: more must be read, or the file is truncated. */
export class EndOfBytes extends Error {
  override readonly name = "EndOfBytes";
}

/** A file that breaks the rules of its own format. `problem`: what was expected and what came. */
export function damaged(file: string, problem: string, options?: ErrorOptions): VolumeFormatError {
  const remedy = "The file is damaged or was cut; copy or export it again.";
  return new VolumeFormatError({ file, format: "DICOM", problem, remedy }, options);
}

/** A file that is right, but of a kind that is not read. */
export function unsupported(file: string, problem: string | Message, remedy: string): VolumeFormatError {
  return new VolumeFormatError({ file, format: "DICOM", problem, remedy });
}
