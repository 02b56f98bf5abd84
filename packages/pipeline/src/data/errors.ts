import { crossThreads } from "../engine/thread-errors.js";

/** A prepared data set that is damaged or not one. */
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

/** Preparing could not start, or nothing came out of it. */
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

/** A CSV file that cannot be read; `line` counts from 1 and is null where no line is to blame. */
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

/** What is wrong between labels and files; each list is whole, the message shows its first ten. */
export interface LabelProblems {
  /** Ids of the labels file that match no volume. */
  unmatched: string[];
  /** Volumes without a label. */
  unlabelled: string[];
  /** Volumes with two different labels, subjects or parts. */
  conflicting: string[];
  /** Labels that are not whole numbers from 0 on, and ids that match several volumes. */
  invalid: string[];
  /** Studies with several series of which none was chosen. */
  severalSeries: string[];
}

/** Labels and files do not fit together. */
export class LabelsError extends Error {
  override readonly name = "LabelsError";
  constructor(
    readonly file: string,
    readonly problems: LabelProblems,
  ) {
    const parts = [
      shown("matches no volume", "match no volume", problems.unmatched),
      shown("has no label", "have no label", problems.unlabelled),
      shown("has two labels, subjects or parts", "have two labels, subjects or parts", problems.conflicting),
      shown("is not usable", "are not usable", problems.invalid),
      shown("has several series", "have several series", problems.severalSeries),
    ].filter((part) => part !== "");
    const missing = problems.unlabelled.some((text) => text.endsWith('")'))
      ? "NA, NaN, none, null, unknown, missing, ? and - count as missing: a class that is called so needs another name. "
      : "";
    super(
      `${file}: labels and volumes do not fit: ${parts.join("; ")}. ${missing}` +
        `The columns are id or path, label (a whole number from 0 on, or a text) and, where a subject has several volumes, subject; ` +
        `ids match a file's name or path below the source folder, or a DICOM PatientID, AccessionNumber or UID; ` +
        `--skip-unlabelled leaves out what has no partner.`,
    );
  }
}

function shown(one: string, many: string, ids: string[]): string {
  if (ids.length === 0) return "";
  const more = ids.length > 10 ? ", …" : "";
  return `${ids.length} ${ids.length === 1 ? one : many} (${ids.slice(0, 10).join(", ")}${more})`;
}

/** A split that does not belong to the data set, or that lets a subject into two parts. */
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
