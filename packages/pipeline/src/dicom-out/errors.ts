import { crossThreads } from "../engine/thread-errors.js";

/** A report or a heat-map cannot be written for a scan; the scan itself was predicted. */
export class DicomOutputError extends Error {
  override readonly name = "DicomOutputError";
  constructor(
    /**
     * not-dicom: the scan has no study. incomplete: its files lack what a reference to them needs. unreadable: its files
     * cannot be read again.
     */
    readonly code: "not-dicom" | "incomplete" | "unreadable",
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${problem}. ${remedy}`, options);
  }
}

crossThreads(import.meta.url, DicomOutputError);
