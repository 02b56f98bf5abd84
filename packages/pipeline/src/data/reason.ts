/** Why a volume is left out, in two wordings: whole for the terminal, and without names for what is kept. */
import type { Message } from "@slicestack/volume";
import { systemText } from "../engine/system-errors.js";

export interface Reason {
  whole: string;
  /** Without files, UIDs and what else may name a patient. */
  nameless: string;
}

/** A volume that cannot be used as it is, told in words of our own. */
export class UnusableVolumeError extends Error {
  override readonly name = "UnusableVolumeError";
  readonly nameless: string;

  constructor(problem: string | Message, options?: ErrorOptions) {
    super(typeof problem === "string" ? problem : problem.whole, options);
    this.nameless = typeof problem === "string" ? problem : problem.nameless;
  }
}

/** An error that has no nameless wording may hold any name in its message, so nothing of it is kept but its code. */
export function reasonOf(error: unknown): Reason {
  if (!(error instanceof Error)) return { whole: String(error), nameless: UNSAID };
  const whole = oneLine(systemText(error));
  if ("nameless" in error && typeof error.nameless === "string") return { whole, nameless: oneLine(error.nameless) };
  const code = "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
  return { whole, nameless: `${UNSAID}${code}` };
}

const UNSAID = "it cannot be read; the messages of the preparation say why";

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, " ");
