import { crossThreads } from "../engine/thread-errors.js";

/** Why a request failed: so that a program can tell them apart. */
export type DicomWebFault =
  | "address"
  | "unauthorised"
  | "not-found"
  | "refused"
  | "server"
  | "unreachable"
  | "timeout"
  | "truncated"
  | "too-large"
  | "invalid";

/** A DICOMweb server cannot be reached, refuses a request, or answers something else than DICOMweb. */
export class DicomWebError extends Error {
  override readonly name = "DicomWebError";
  constructor(
    /** Without user name and password. */
    readonly url: string,
    readonly fault: DicomWebFault,
    problem: string,
    remedy: string,
    options?: ErrorOptions & { status?: number },
  ) {
    super(`${url}: ${problem}. ${remedy}`, options);
    this.status = options?.status ?? null;
  }

  /** The status code of the answer; null where there was none. */
  readonly status: number | null;
}

crossThreads(import.meta.url, DicomWebError);
