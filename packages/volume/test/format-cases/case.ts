import { copyFile, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** One file and the result of reading it. docs/reference/formats.md is generated from these. */
export interface FormatCase {
  format: "NIfTI" | "NRRD" | "MetaImage" | "npy" | "npz" | "zip" | "PNG and JPEG";
  /** Description of the file, for the page. */
  what: string;
  /** Creates the file in an empty folder. @returns its path */
  make: (folder: string) => Promise<string>;
  /** "read", or a part of the refusal's message. */
  outcome: "read" | RegExp;
  /** How it is read, if not by readVolume. */
  read?: (path: string) => Promise<unknown>;
}

export type Make = FormatCase["make"];

/** A fixture under its name, with its companion files. */
export const copy =
  (from: (name: string) => string, ...names: [string, ...string[]]): Make =>
  async (folder) => {
    for (const name of names) await copyFile(from(name), join(folder, name));
    return join(folder, names[0]);
  };

export const written = async (folder: string, name: string, bytes: Uint8Array | string) => {
  await writeFile(join(folder, name), bytes);
  return join(folder, name);
};

/** A fixture with changed bytes: from -> to in its text header, or by a function. */
export const changed =
  (from: string, name: string, change: (bytes: Buffer) => Uint8Array): Make =>
  async (folder) =>
    written(folder, name, change(await readFile(from)));
export const header =
  (from: string, ...words: [string | RegExp, string][]): Make =>
  async (folder) => {
    const text = await readFile(from, "latin1");
    const other = words.reduce((all, [word, by]) => all.replace(word, by), text);
    if (other === text) throw new Error(`${from}: nothing of ${String(words[0])} in it`);
    return written(folder, basename(from), Buffer.from(other, "latin1"));
  };
export const cut = (bytes: Buffer) => bytes.subarray(0, -9);
export const set = (write: (bytes: Buffer) => void) => (bytes: Buffer) => {
  write(bytes);
  return bytes;
};
