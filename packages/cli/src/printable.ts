/** Text for a terminal: a name from a file must not move the cursor, clear the screen or reverse the text. */
import { asEscape, replaceUnseen } from "@slicestack/pipeline/internal/visible";

/** The colours of a preview, which this program writes itself. */
// eslint-disable-next-line no-control-regex
const PREVIEW = /(\u001b\[(?:0|38;2(?:;\d{1,3}){3};48;2(?:;\d{1,3}){3})m)/;

/** Escapes unsafe characters as in source code: \x1b, \u202e. */
export function printable(text: string): string {
  const parts = text.split(PREVIEW);
  return parts.map((part, k) => (k % 2 === 1 ? part : replaceUnseen(part, escaped))).join("");
}

/** JSON for a terminal: the same value, with those characters as JSON escapes. */
export const printableJson = (value: unknown): string => replaceUnseen(JSON.stringify(value), asEscape);

const escaped = (code: number): string =>
  code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : asEscape(code);
