import { DicomSeriesError, type DicomSeriesCode } from "./errors.js";
import type { Message } from "../message.js";
import type { DicomSlice } from "./image.js";

/** @param slices the slices that cause the problem */
export function refusal(
  seriesUid: string,
  code: DicomSeriesCode,
  slices: readonly DicomSlice[],
  problem: string | Message,
  remedy: string,
): DicomSeriesError {
  const files = [...new Set(slices.map(({ file }) => file))];
  return new DicomSeriesError({ code, seriesUid, files, problem, remedy });
}
