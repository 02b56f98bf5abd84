import { VolumeFormatError, type VolumeFormat } from "./errors.js";
import type { Message } from "./message.js";

/** Throws a VolumeFormatError for one file. */
export type Refuse = (problem: string | Message, remedy: string, options?: ErrorOptions) => never;

/** What a parser calls when it cannot continue: file and format are given once, where reading begins. */
export function refuser(file: string, format: VolumeFormat): Refuse {
  return (problem, remedy, options) => {
    throw new VolumeFormatError({ file, format, problem, remedy }, options);
  };
}

/** The remedy for most kinds of damage. */
export const COPY_AGAIN = "The file is truncated or damaged; copy or export it again.";
