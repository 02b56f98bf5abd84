/** Text for the elements of a DICOM object, safe in its character set and within the limits of its VR (PS3.5 6.2). */
import type { WrittenVr } from "./names.js";

/** Most characters of one value. */
const LIMITS: Partial<Record<WrittenVr, number>> = { CS: 16, LO: 64, LT: 10240, PN: 64, SH: 16, ST: 1024 };
/** VRs with one value, in which a backslash is an ordinary character. */
const PARAGRAPHS = new Set<WrittenVr>(["LT", "ST", "UT"]);

/**
 * One value: control characters become spaces, a backslash (which separates values) becomes a slash, and a text beyond
 * the limit of its VR is cut.
 * @param characterSet value of SpecificCharacterSet; a character that it lacks is written as <U+80BA>
 */
export function encodeText(text: string, vr: WrittenVr, characterSet: string): Uint8Array {
  const plain = text.replaceAll(/\p{Cc}+/gu, " ");
  const written = escaped(PARAGRAPHS.has(vr) ? plain : plain.replaceAll("\\", "/"), characterSet);
  const limit = LIMITS[vr] ?? Infinity;
  const kept = written.length <= limit ? written.join("") : `${written.slice(0, limit - 3).join("")}...`;
  return characterSet === UTF8
    ? new TextEncoder().encode(kept)
    : Uint8Array.from(kept, (c) => c.charCodeAt(0));
}

const UTF8 = "ISO_IR 192";
const LATIN1 = "ISO_IR 100";

/** The characters, with those that the character set lacks replaced. */
function escaped(text: string, characterSet: string): string[] {
  if (characterSet === UTF8) return [...text];
  const highest = characterSet === LATIN1 ? 0xff : 0x7f;
  return [...text].flatMap((character) => {
    const code = character.codePointAt(0) as number;
    return code <= highest ? [character] : [...`<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`];
  });
}
