/** Names from files in pages, figures and Markdown: what cannot be seen is written out. */

/** Control characters (C0 but line break and tab, DEL, C1), which XML refuses, and those that turn the direction of text. */
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The text with such characters as they are written in source code, e.g. \u202e. */
export const visible = (text: string): string =>
  text.replace(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
