/** Recognises missing values in tables. */

/** Nothing, or what pandas, R and spreadsheets write: NaN, NA, `<NA>`, #N/A, NULL, -1.#IND, #VALUE!, #REF! … */
const BY_PROGRAMS =
  /^(|[-+]?nan|#?n\/?a|#n\/a n\/a|<na>|none|null|nil|\?+|[-+]?1\.#(ind|qnan)|#(value|ref|div\/0|num|name|null)[!?])$/i;
/** A dash, a dot, or a word. */
const BY_PEOPLE = /^([-–—]+|\.|unknown|missing|not available)$/i;

/** True for an empty cell and for what programs write into one. Words do not count: they may name a class or a person. */
export const isBlank = (cell: string): boolean => BY_PROGRAMS.test(cell.trim());

/** True for what programs and people write for a missing value. */
export const isMissing = (cell: string): boolean => isBlank(cell) || BY_PEOPLE.test(cell.trim());
