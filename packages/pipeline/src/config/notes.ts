import { z } from "zod";

/** What an error message and the reference page say about a key. */
export interface KeyNote {
  expects: string;
  meaning: string;
  /** How a file writes the default, where parsing turns it into something else. */
  initial?: string;
}

export const keyNotes = z.registry<KeyNote>();
/** Sections that a file may give instead of a single value, by the leaf that accepts either. */
export const insideSections = new WeakMap<z.ZodType, z.ZodType>();

/** Attaches to a leaf what it expects, in the words of the error message, and what it means. */
export function key<T extends z.ZodType>(
  schema: T,
  expects: string,
  meaning: string,
  { initial, inside }: Pick<KeyNote, "initial"> & { inside?: z.ZodType } = {},
): T {
  keyNotes.add(schema, { expects, meaning, ...(initial === undefined ? {} : { initial }) });
  if (inside !== undefined) insideSections.set(schema, inside);
  return schema;
}

export const WHOLE = "a whole number";
/** What a key expects that takes whole numbers from `least`. */
export const atLeast = (least: number): string => `${WHOLE}, at least ${least}`;

export const trueOrFalse = "true or false";
export const flag = (initial: boolean) => z.boolean().default(initial);
