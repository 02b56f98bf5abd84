/** Explains why a name in the labels file matches no volume, by what is known of the files with that name. */
import { basename } from "node:path";
import type { Broken, SetAside } from "./source.js";

export interface Unusable {
  broken: readonly Broken[];
  setAside: readonly SetAside[];
  /** Patient ID, accession number and UIDs of DICOM files that are not slices of a volume. */
  identifiers: ReadonlyMap<SetAside, readonly string[]>;
}

export class KnownReasons {
  readonly #byName = new Map<string, SetAside[]>();

  constructor({ broken, setAside, identifiers }: Unusable) {
    for (const file of [...broken, ...setAside])
      for (const name of new Set([...namesOf(file.path), ...(identifiers.get(file) ?? [])]))
        this.#byName.set(name, [...(this.#byName.get(name) ?? []), file]);
  }

  /** The problem with the files of that name; null if there are none. */
  of(name: string): string | null {
    const named = this.#byName.get(name) ?? this.#byName.get(name.trim());
    if (named === undefined) return null;
    const counts = new Map<string, SetAside[]>();
    for (const file of named) counts.set(file.reason, [...(counts.get(file.reason) ?? []), file]);
    const [[reason, files]] = [...counts].sort((a, b) => b[1].length - a[1].length) as [[string, SetAside[]]];
    const others = counts.size > 1 ? ", and others for other reasons" : "";
    const first = files[0]!.path;
    const many =
      files.length > 1 ? `${files.length} files, the first ${first}: ` : first === name ? "" : `${first}: `;
    return `${many}${reason}${others}`;
  }
}

/** A path, its folders, and each without extensions: labels may use any of them. */
function namesOf(path: string): string[] {
  const parts = path.split(/[/#]/);
  const above = parts.map((_, k) => parts.slice(0, k + 1).join("/"));
  const names = [path, ...above, ...parts];
  return names.flatMap((name) => [name, ...withoutEndings(name)]).map((name) => name.trim());
}

/** The name without its extensions: scan.nii and scan for scan.nii.gz. */
function withoutEndings(name: string): string[] {
  const shorter: string[] = [];
  for (let left = name; /[^/]\.[^./\s]{1,6}$/.test(left) && basename(left) !== "";) {
    left = left.replace(/\.[^./]*$/, "");
    shorter.push(left);
  }
  return shorter;
}
