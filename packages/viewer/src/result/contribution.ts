/** How much each axial slice counted. */
import { words, decimal } from "../words/words.js";
import type { Reading } from "../reading/reading.js";
import type { ShownResult } from "../worker/messages.js";

export interface Contribution {
  /** Slice of the model, from 0. */
  slice: number;
  /** null if the model did not see the slice. */
  value: number | null;
}

/** One for each axial slice of the model; null if there is no result or the model does not weight slices. */
export function contributions(result: ShownResult | null): Contribution[] | null {
  if (result === null || !result.slices.some(({ weight }) => weight !== null)) return null;
  const values = new Map(result.slices.map(({ slice, weight }) => [slice, weight]));
  return Array.from({ length: result.prepared.shape[0] }, (_, slice) => ({
    slice,
    value: values.get(slice) ?? null,
  }));
}

/** 2D models give each slice a probability of the decided class; the others a share of the whole. */
export const isProbability = ({ model }: ShownResult): boolean => model.method === "2d";

/** The class with the largest uncalibrated probability, whose share 2D models give for each slice. */
export const leadingClass = ({ uncalibrated }: ShownResult): string =>
  Object.entries(uncalibrated).reduce((best, one) => (one[1] > best[1] ? one : best))[0];

export const contributionNumber = (value: number): string => decimal(value, 2, { fixed: true });

/** Of the slice under the crosshair; null if there is nothing to say. */
export function contributionText(reading: Reading): string | null {
  const result = reading.result.value;
  const all = contributions(result);
  if (result === null || all === null) return null;
  const { slices: text } = words.value;
  const slice = reading.modelSlice.value;
  const value = slice === null ? null : all[slice]!.value;
  if (value === null) return text.unseen;
  const number = contributionNumber(value);
  return isProbability(result) ? text.showing(number, leadingClass(result)) : text.contribution(number);
}
