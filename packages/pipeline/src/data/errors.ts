import { crossThreads } from "../engine/thread-errors.js";

/** A prepared data set is damaged, or a folder is not a prepared data set. */
export class DatasetError extends Error {
  override readonly name = "DatasetError";
  constructor(
    readonly file: string,
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}. ${remedy}`, options);
  }
}

/** A preparation could not start, or it produced nothing. */
export class PrepareError extends Error {
  override readonly name = "PrepareError";
  constructor(
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${problem}. ${remedy}`, options);
  }
}

/** A CSV file that cannot be read; `line` counts from 1 and is null if the problem is not in one line. */
export class TableError extends Error {
  override readonly name = "TableError";
  constructor(
    readonly file: string,
    readonly line: number | null,
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${file}${line === null ? "" : `, line ${line}`}: ${problem}. ${remedy}`, options);
  }
}

/** Mismatches between labels and volumes. The lists are complete; the message shows the first ten of each. */
export interface LabelProblems {
  /** Ids of the labels file that match no volume. */
  unmatched: string[];
  /** Volumes without a label. */
  unlabelled: string[];
  /** Volumes with two different labels, subjects or parts. */
  conflicting: string[];
  /** Labels that are not integers >= 0, and ids that match several volumes. */
  invalid: string[];
  /** Studies with several series, none of which was chosen. */
  severalSeries: string[];
}

/** Labels and volumes do not match. */
export class LabelsError extends Error {
  override readonly name = "LabelsError";
  constructor(
    readonly file: string,
    readonly problems: LabelProblems,
  ) {
    const parts = [
      countOf("matches no volume", "match no volume", problems.unmatched),
      countOf("has no label", "have no label", problems.unlabelled),
      countOf(
        "has two labels, subjects or parts",
        "have two labels, subjects or parts",
        problems.conflicting,
      ),
      countOf("is not usable", "are not usable", problems.invalid),
      countOf("has several series", "have several series", problems.severalSeries),
    ].filter((part) => part !== "");
    const missing = problems.unlabelled.some((text) => text.endsWith('")'))
      ? "NA, NaN, none, null, unknown, missing, ? and - count as missing: rename a class that is called so. "
      : "";
    super(
      `${file}: labels and volumes do not match: ${parts.join("; ")}. ${missing}` +
        `The columns are id or path, label (an integer >= 0 or a text) and, if a subject has several volumes, subject; ` +
        `ids match a file's name or path below the source folder, or a DICOM PatientID, AccessionNumber or UID; ` +
        `--skip-unlabelled leaves out volumes without a label and labels without a volume.`,
    );
  }
}

function countOf(singular: string, plural: string, ids: string[]): string {
  if (ids.length === 0) return "";
  const more = ids.length > 10 ? ", …" : "";
  return `${ids.length} ${ids.length === 1 ? singular : plural} (${ids.slice(0, 10).join(", ")}${more})`;
}

/** A split that does not belong to the data set, or that has a subject in two parts. */
export class SplitError extends Error {
  override readonly name = "SplitError";
  constructor(
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${problem}. ${remedy}`, options);
  }
}

crossThreads(import.meta.url, DatasetError, LabelsError, PrepareError, SplitError, TableError);
