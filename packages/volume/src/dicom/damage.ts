import { VolumeFormatError } from "../errors.js";
import type { Message } from "../message.js";

/** The available bytes end before the data set does: more must be read, or the file is truncated. */
export class EndOfBytes extends Error {
  override readonly name = "EndOfBytes";
}

/** Refuses a file that violates its format. `problem` says what was expected and what was received. */
export function damaged(file: string, problem: string, options?: ErrorOptions): VolumeFormatError {
  const remedy = "The file is damaged or truncated; copy or export it again.";
  return new VolumeFormatError({ file, format: "DICOM", problem, remedy }, options);
}

/** Refuses a file that is valid, but of an unsupported kind. */
export function unsupported(file: string, problem: string | Message, remedy: string): VolumeFormatError {
  return new VolumeFormatError({ file, format: "DICOM", problem, remedy });
}
