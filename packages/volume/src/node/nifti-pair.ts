import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { notReadable } from "./file-source.js";
import { VolumeFileError } from "../errors.js";

/** The two files of a .hdr/.img pair, each plain or gzipped; null where the name ends in neither. */
export async function niftiPair(path: string): Promise<{ header: string; image: string } | null> {
  const match = /^(.*)\.(hdr|img)(\.gz)?$/i.exec(basename(path));
  if (match === null) return null;
  const [, stem = "", ending = "", gzip = ""] = match;
  const isHeader = ending.toLowerCase() === "hdr";
  const partner = await partnerOf(path, stem, isHeader ? "img" : "hdr", gzip);
  return isHeader ? { header: path, image: partner } : { header: partner, image: path };
}

/** Compressed like its partner where both kinds are there. */
async function partnerOf(path: string, stem: string, ending: string, gzip: string): Promise<string> {
  const folder = dirname(path);
  const wanted = [`${stem}.${ending}${gzip}`, `${stem}.${ending}${gzip === "" ? ".gz" : ""}`].map((name) =>
    name.toLowerCase(),
  );
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    throw notReadable(path, cause);
  }
  // The stem must be the same to the letter; DOS made endings in capitals.
  const found = names
    .filter((name) => name.startsWith(`${stem}.`) && wanted.includes(name.toLowerCase()))
    .sort((a, b) => wanted.indexOf(a.toLowerCase()) - wanted.indexOf(b.toLowerCase()));
  if (found[0] !== undefined) return join(folder, found[0]);
  const problem = `it is one half of a .hdr/.img pair, and ${stem}.${ending} is not beside it`;
  throw new VolumeFileError(path, problem, "Put both files into one folder, or convert the pair to one .nii file.");
}
