/** The reason why a volume is left out, in two wordings: complete for the terminal, and without names for the data set. */
import { resolve } from "node:path";
import { systemText } from "../engine/system-errors.js";

export interface Reason {
  whole: string;
  /** Without files, UIDs and anything else that may identify a patient. */
  nameless: string;
}

/** The message of an error without a nameless wording may contain any name, so only its code is kept. */
export function reasonOf(error: unknown): Reason {
  if (!(error instanceof Error)) return { whole: String(error), nameless: NAMELESS };
  const whole = oneLine(systemText(error));
  if ("nameless" in error && typeof error.nameless === "string")
    return { whole, nameless: oneLine(error.nameless) };
  const code = "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
  return { whole, nameless: `${NAMELESS}${code}` };
}

const NAMELESS = "it cannot be read; the messages of the preparation say why";

/** A message without the name or the full path that it begins with, for a line that has named it already. */
export function withoutPrefix(text: string, name: string): string {
  const prefix = [name, resolve(name)].find((path) => text.startsWith(`${path}: `));
  return prefix === undefined ? text : text.slice(prefix.length + 2);
}

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, " ");
