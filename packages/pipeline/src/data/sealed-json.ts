/**
 * JSON files that end with their own SHA-256, so that a changed byte is noticed when the file is read:
 * `"sha256"`, the last key, is the hash of the file's text without that line.
 */
import { createHash } from "node:crypto";

const CHANGED = "its content does not match the SHA-256 at its end: it was edited by hand, or damaged";
const SEAL = /,\n {2}"sha256": "([^"\n]*)"\n\}\n?$/;

/** The record as text that `openSealed` accepts. */
export function sealedJson(record: object): string {
  const text = JSON.stringify(record, null, 2);
  return `${text.slice(0, -2)},\n  "sha256": "${sha256Of(text)}"\n}\n`;
}

export interface Opened {
  /** The record without its seal. */
  value: unknown;
  /** False if the file has no seal because an earlier version wrote it. A strict schema refuses a damaged seal. */
  isSealed: boolean;
}

/** @throws SyntaxError if the text is not JSON, or was changed */
export function openSealed(text: string): Opened {
  const seal = SEAL.exec(text);
  if (seal !== null && sha256Of(`${text.slice(0, seal.index)}\n}`) !== seal[1])
    throw new SyntaxError(CHANGED);
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new SyntaxError("expected an object");
  if (seal === null && "sha256" in value) throw new SyntaxError(CHANGED);
  if (seal === null) return { value, isSealed: false };
  const { sha256: _, ...record } = value as Record<string, unknown>;
  return { value: record, isSealed: true };
}

export const sha256Of = (data: string | Uint8Array): string =>
  createHash("sha256").update(data).digest("hex");
