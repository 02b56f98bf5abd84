/** Patient data: names of patients become salted hashes, and columns that hold more than that are dropped. */
import { createHmac, randomBytes } from "node:crypto";
import { linkSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { makeFolder } from "../make-folder.js";
import { readGivenFile } from "../../config/given-file.js";
import { codeOf } from "../error-code.js";
import { PrepareError } from "../errors.js";
import type { LabelledVolume } from "./source.js";

/**
 * Turns an identifier into 12 hexadecimal digits: HMAC-SHA-256 with a secret salt, so that nobody without the salt can
 * guess the identifier. The same salt gives the same hash in every data set, shard and repetition.
 */
export class Pseudonyms {
  constructor(private readonly salt: Uint8Array) {}

  of(kind: "patient" | "series" | "file", identifier: string): string {
    return createHmac("sha256", this.salt).update(`${kind} ${identifier}`).digest("hex").slice(0, 12);
  }
}

/** The default file of this user's salt. */
export function saltPath(env: Record<string, string | undefined>, home: string): string {
  return join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "slicestack", "salt");
}

/**
 * The salt in `file`. The first call creates it, readable only by its owner; processes that start at once get the same salt.
 * @throws PrepareError if it can be neither read nor created, or is too short to protect anything
 */
export function readSalt(file: string): Uint8Array {
  const read = (): Uint8Array => Buffer.from(readGivenFile(file).toString("utf8").trim());
  let salt: Uint8Array;
  try {
    salt = read();
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw refused(file, `cannot be read (${codeOf(error)})`, error);
    salt = create(file, read);
  }
  if (salt.length >= 16) return salt;
  throw refused(file, `expected at least 16 characters, found ${salt.length}`);
}

function create(file: string, read: () => Uint8Array): Uint8Array {
  const temporary = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    makeFolder(dirname(file));
    writeFileSync(temporary, randomBytes(32).toString("hex") + "\n", { mode: 0o600, flag: "wx" });
    // Linking fails if the name is taken: another process was first.
    try {
      linkSync(temporary, file);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    } finally {
      rmSync(temporary, { force: true });
    }
    return read();
  } catch (error) {
    throw refused(file, `cannot be created (${codeOf(error)})`, error);
  }
}

function refused(file: string, problem: string, cause?: unknown): PrepareError {
  const remedy =
    "It hides patients' identifiers: name another file with --salt-file, or keep the identifiers with --keep-ids.";
  return new PrepareError(`${file}: the salt ${problem}`, remedy, { cause });
}

/** Replaces the identifiers of a DICOM volume, or with `subjects` the subject of any volume, by pseudonyms. */
export function pseudonymised<V extends LabelledVolume & { source: string }>(
  volume: V,
  pseudonyms: Pseudonyms,
  subjects: boolean,
): V {
  const subject = pseudonyms.of("patient", volume.subject);
  if (volume.input.kind !== "dicom") return subjects ? { ...volume, subject } : volume;
  const series = pseudonyms.of("series", volume.input.series);
  return { ...volume, subject, id: `${subject}-${series.slice(0, 6)}`, source: `dicom ${series}` };
}
