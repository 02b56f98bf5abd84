import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { notReadable } from "./file-source.js";
import { VolumeFileError } from "../errors.js";
import { refuser } from "../refuse.js";

interface HalfName {
  /** The path without its extension. */
  stem: string;
  isHeader: boolean;
  /** ".gz" or "" */
  gzip: string;
}

function halfName(path: string): HalfName | null {
  const match = /^(.*)\.(hdr|img)(\.gz)?$/i.exec(basename(path));
  if (match === null) return null;
  const [, stem = "", ending = "", gzip = ""] = match;
  return { stem, isHeader: ending.toLowerCase() === "hdr", gzip };
}

/** The file of the header: itself, or the .hdr beside an .img. @throws VolumeFileError where it does not exist */
export async function niftiHeaderPath(path: string): Promise<string> {
  const half = halfName(path);
  return half === null || half.isHeader ? path : await partnerOf(path, half.stem, "hdr", half.gzip);
}

/**
 * The file of the voxels of a pair: itself, or the .img beside a .hdr; each plain or gzipped.
 * @throws VolumeFileError where it does not exist   @throws VolumeFormatError a name that does not belong to a pair
 */
export async function niftiImagePath(path: string): Promise<string> {
  const half = halfName(path);
  if (half !== null) return half.isHeader ? await partnerOf(path, half.stem, "img", half.gzip) : path;
  const problem = "it is the header of a .hdr/.img pair, and its name does not end in .hdr";
  return refuser(path, "NIfTI")(problem, "Name the pair NAME.hdr and NAME.img, in one folder.");
}

/** Prefers the kind of its partner where both a plain and a compressed file exist. */
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
  // The stem must match exactly; extensions may be in capitals, as written by DOS.
  const found = names
    .filter((name) => name.startsWith(`${stem}.`) && wanted.includes(name.toLowerCase()))
    .sort((a, b) => wanted.indexOf(a.toLowerCase()) - wanted.indexOf(b.toLowerCase()));
  if (found[0] !== undefined) return join(folder, found[0]);
  const problem = `it is one half of a .hdr/.img pair, and ${stem}.${ending} is not beside it`;
  throw new VolumeFileError(
    path,
    problem,
    "Put both files into one folder, or convert the pair to one .nii file.",
  );
}
