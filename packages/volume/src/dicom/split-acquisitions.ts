/** Splits a series that holds several acquisitions, or several phases of one, over the same positions. */
import { DicomSeriesError, type DicomSeriesCode } from "./errors.js";
import type { DicomSeries } from "./dicom-series.js";
import type { DicomSlice } from "./image.js";
import { buildStack } from "./stack.js";

/** What may tell the slices of one position apart, and what a part is called by it. */
const MARKS = [
  { name: "phase", of: ({ temporalPosition }: DicomSlice) => temporalPosition },
  { name: "acquisition", of: ({ acquisitionNumber }: DicomSlice) => acquisitionNumber },
] as const;

/**
 * If positions repeat: one series for each acquisition or phase, in the order of their numbers, provided that every part
 * is a stack (at least two slices, no position twice) and shares no file with another. Otherwise the series unchanged;
 * if its positions repeat, it is refused when it is read. One acquisition after the other along the table is one volume.
 */
export function splitAcquisitions(series: DicomSeries): DicomSeries[] {
  if (stackProblem(series) !== "mixed-acquisitions") return [series];
  for (const { name, of } of MARKS) {
    const numbers = new Set(series.slices.map(of));
    const parts = [...numbers]
      .toSorted((a = 0, b = 0) => a - b)
      .map((number): DicomSeries => {
        const slices = series.slices.filter((slice) => of(slice) === number);
        const transferSyntaxes = [...new Set(slices.map(({ image }) => image.syntaxUid))];
        return { ...series, part: `${name} ${number ?? ""}`, slices, transferSyntaxes };
      });
    const isWhole = !numbers.has(undefined) && filesOf(parts) === filesOf([series]);
    if (parts.length > 1 && isWhole && parts.every((part) => stackProblem(part) === undefined)) return parts;
  }
  return [series];
}

const filesOf = (parts: readonly DicomSeries[]): number =>
  parts.reduce((sum, { slices }) => sum + new Set(slices.map(({ file }) => file)).size, 0);

/** Acquisitions that alternate along the series do not repeat its positions: they may be one pass. */
function stackProblem(series: DicomSeries): DicomSeriesCode | undefined {
  try {
    buildStack(series, series.slices, { acquisition: "any" });
    return undefined;
  } catch (error) {
    if (error instanceof DicomSeriesError) return error.code;
    throw error;
  }
}
