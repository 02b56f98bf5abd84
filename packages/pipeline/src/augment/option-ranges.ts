/** Options that several augmentations have. */
import { z } from "zod";
import { key } from "../config/notes.js";

export type Range = [low: number, high: number];

export const probability = (initial: number, meaning = "Probability of the transform") =>
  key(z.number().min(0).max(1).default(initial), "a number from 0 to 1", meaning);

/** A range from which a value is drawn; both of its ends lie between `low` and `high`. */
export function range([low, high]: Range, initial: Range, meaning: string) {
  const bounded = z.number().min(low).max(high);
  const schema = z
    .tuple([bounded, bounded])
    .refine(([from, to]) => from <= to, "expected [low, high] with low below high")
    .default(initial);
  return key(schema, `[low, high], each from ${low} to ${high}`, meaning);
}
