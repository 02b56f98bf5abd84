import { namelessOf, wholeOf, type Message } from "./message.js";

export type VolumeFormat = "NIfTI" | "npy" | "npz" | "zip" | "DICOM" | "NRRD" | "MetaImage" | "PNG" | "JPEG";

export interface FormatProblem {
  /** File name, or a word such as "bytes" where there is none. */
  file: string;
  format: VolumeFormat;
  /** What was expected and what was received. */
  problem: string | Message;
  /** What the user can do about it. */
  remedy: string;
}

/** A file is damaged, or holds something that this package does not support. */
export class VolumeFormatError extends Error {
  override readonly name = "VolumeFormatError";
  readonly file: string;
  readonly format: VolumeFormat;
  readonly problem: string;
  readonly remedy: string;
  /** The message without the file name and anything else that may identify a person. */
  readonly nameless: string;

  constructor({ file, format, problem, remedy }: FormatProblem, options?: ErrorOptions) {
    super(`${file}: not readable as ${format}: ${wholeOf(problem)}. ${remedy}`, options);
    this.file = file;
    this.format = format;
    this.problem = wholeOf(problem);
    this.remedy = remedy;
    this.nameless = `not readable as ${format}: ${namelessOf(problem)}. ${remedy}`;
  }
}

/** The operating system refused a file: missing, a folder, no permission, disk full. `cause` is its error. */
export class VolumeFileError extends Error {
  override readonly name = "VolumeFileError";
  readonly file: string;
  readonly remedy: string;
  /** The message without the file name and anything else that may identify a person. */
  readonly nameless: string;

  constructor(file: string, problem: string | Message, remedy: string, options?: ErrorOptions) {
    super(`${file}: ${wholeOf(problem)}. ${remedy}`, options);
    this.file = file;
    this.remedy = remedy;
    this.nameless = `${namelessOf(problem)}. ${remedy}`;
  }
}

/** A function received an invalid argument. */
export class VolumeArgumentError extends Error {
  override readonly name = "VolumeArgumentError";
  readonly argument: string;

  constructor(argument: string, expected: string, received: string) {
    super(`${argument}: expected ${expected}, received ${received}`);
    this.argument = argument;
  }
}

/** A region cannot be found or used: the mask is empty or lies outside of the scan, or the values are not HU. */
export class RegionError extends Error {
  override readonly name = "RegionError";
  readonly problem: string;
  readonly remedy: string;
  /** Messages about regions contain only numbers, so they identify nobody. */
  readonly nameless: string;

  constructor(problem: string, remedy: string, options?: ErrorOptions) {
    super(`${problem}. ${remedy}`, options);
    this.problem = problem;
    this.remedy = remedy;
    this.nameless = this.message;
  }
}
