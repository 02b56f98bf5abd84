/**
 * Writes invisible characters of names as escapes, for pages, figures, tables and terminals. Imports nothing, so that the
 * command line loads it at no cost.
 */

/**
 * Control characters (C0 except line break and tab, DEL, C1), which XML refuses and terminals obey; characters that change
 * the direction of text; and characters without width, with which two names can look alike: soft hyphen, zero-width space,
 * word joiner, byte-order mark, separators of lines and paragraphs.
 */
const UNSEEN =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;

/** The text with each such character replaced by `written`. */
export const replaceUnseen = (text: string, written: (code: number) => string): string =>
  text.replace(UNSEEN, (character) => written(character.charCodeAt(0)));

/** As in source code and JSON: \u202e. */
export const asEscape = (code: number): string => `\\u${code.toString(16).padStart(4, "0")}`;

/** The text with such characters written as in source code. */
export const visible = (text: string): string => replaceUnseen(text, asEscape);
