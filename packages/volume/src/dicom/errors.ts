import { namelessOf, wholeOf, type Message } from "../message.js";

/** Why a series is not a volume in its present form; docs/reference/formats.md lists the codes. */
export type DicomSeriesCode =
  | "empty"
  | "missing-geometry"
  | "missing-rescale"
  | "single-slice"
  | "mixed-orientation"
  | "mixed-pixel-size"
  | "mixed-acquisitions"
  | "duplicate-positions"
  | "missing-slices"
  | "uneven-spacing"
  | "gap-too-large"
  | "gantry-tilt"
  | "shifted-slices"
  | "frames-without-geometry"
  | "too-large";

export interface SeriesProblem {
  code: DicomSeriesCode;
  seriesUid: string;
  /** The slices that cause the problem. */
  files: readonly string[];
  /** What is wrong with the series, and with which files. */
  problem: string | Message;
  remedy: string;
}

/** A DICOM series that cannot become a volume without guessing. Each file is readable on its own. */
export class DicomSeriesError extends Error {
  override readonly name = "DicomSeriesError";
  readonly code: DicomSeriesCode;
  readonly seriesUid: string;
  readonly files: readonly string[];
  readonly problem: string;
  readonly remedy: string;
  /** The message without the UID, the file names and anything else that may identify a person. */
  readonly nameless: string;

  constructor({ code, seriesUid, files, problem, remedy }: SeriesProblem) {
    super(`series ${shortUid(seriesUid)} is refused: ${wholeOf(problem)}.\n  ${remedy}`);
    this.code = code;
    this.seriesUid = seriesUid;
    this.files = files;
    this.problem = wholeOf(problem);
    this.remedy = remedy;
    this.nameless = `the series is refused: ${namelessOf(problem)}. ${remedy}`;
  }
}

/** Long UIDs differ at their ends. */
export function shortUid(uid: string): string {
  if (uid === "") return "without a UID";
  return uid.length <= 24 ? uid : `${uid.slice(0, 14)}…${uid.slice(-4)}`;
}

/** "a, b, c and 7 more" */
export function listed(names: readonly string[], most = 4): string {
  const distinct = [...new Set(names)];
  const shown = distinct.slice(0, most).join(", ");
  return distinct.length <= most ? shown : `${shown} and ${distinct.length - most} more`;
}
