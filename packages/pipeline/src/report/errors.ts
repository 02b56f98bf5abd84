import { crossThreads } from "../engine/thread-errors.js";

/** A report that would not be self-contained or well-formed. */
export class ReportError extends Error {
  override readonly name = "ReportError";
}

crossThreads(import.meta.url, ReportError);
