/** Text for a terminal: what a name from a file holds must not move the cursor, clear the screen or turn the text round. */

/** Control characters (C0 but line break and tab, DEL, C1), and those that change the direction of text. */
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The colours of a preview, which this program writes itself. */
// eslint-disable-next-line no-control-regex
const PREVIEW = /(\u001b\[(?:0|38;2(?:;\d{1,3}){3};48;2(?:;\d{1,3}){3})m)/;

/** Unsafe characters as they are written in source code: \x1b, \u202e. */
export function printable(text: string): string {
  const parts = text.split(PREVIEW);
  return parts.map((part, k) => (k % 2 === 1 ? part : part.replace(UNSAFE, escaped))).join("");
}

/** JSON for a terminal: the same value, with those characters as JSON escapes. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value).replace(UNSAFE, (character) => `\\u${hex(character, 4)}`);

const hex = (character: string, digits: number): string => character.charCodeAt(0).toString(16).padStart(digits, "0");

function escaped(character: string): string {
  return character.charCodeAt(0) < 256 ? `\\x${hex(character, 2)}` : `\\u${hex(character, 4)}`;
}
