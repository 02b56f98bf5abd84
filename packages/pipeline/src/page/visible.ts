/** Names from files in pages, figures, tables and on terminals: what cannot be seen is written out. Imports nothing, so that the command line loads it at no cost. */

/**
 * Control characters (C0 but line break and tab, DEL, C1), which XML refuses and terminals obey; what changes the direction
 * of text; and what takes no room, so that two names look alike: soft hyphen, zero-width space, word joiner, byte-order
 * mark, the separators of lines and paragraphs.
 */
const UNSEEN =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;

/** The text with each such character as `written` gives it. */
export const replaceUnseen = (text: string, written: (code: number) => string): string =>
  text.replace(UNSEEN, (character) => written(character.charCodeAt(0)));

/** As in source code and JSON: \u202e. */
export const asEscape = (code: number): string => `\\u${code.toString(16).padStart(4, "0")}`;

/** The text with such characters as they are written in source code. */
export const visible = (text: string): string => replaceUnseen(text, asEscape);
