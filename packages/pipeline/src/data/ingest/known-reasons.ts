/** Why a name of the labels file may match no volume: what is known of the files under that name. */
import { basename } from "node:path";
import type { Broken, SetAside } from "./source.js";

export interface Unusable {
  broken: readonly Broken[];
  setAside: readonly SetAside[];
  /** Patient, accession and UIDs of files that are DICOM and no slice of a volume. */
  identifiers: ReadonlyMap<SetAside, readonly string[]>;
}

export class KnownReasons {
  readonly #byName = new Map<string, SetAside[]>();

  constructor({ broken, setAside, identifiers }: Unusable) {
    for (const one of [...broken, ...setAside])
      for (const name of new Set([...namesOf(one.path), ...(identifiers.get(one) ?? [])]))
        this.#byName.set(name, [...(this.#byName.get(name) ?? []), one]);
  }

  /** What is wrong with the files of that name; null where there are none. */
  of(name: string): string | null {
    const found = this.#byName.get(name) ?? this.#byName.get(name.trim());
    if (found === undefined) return null;
    const counts = new Map<string, SetAside[]>();
    for (const one of found) counts.set(one.reason, [...(counts.get(one.reason) ?? []), one]);
    const [[reason, files]] = [...counts].sort((a, b) => b[1].length - a[1].length) as [[string, SetAside[]]];
    const others = counts.size > 1 ? ", and others for other reasons" : "";
    const first = files[0]!.path;
    const many = files.length > 1 ? `${files.length} files, the first ${first}: ` : first === name ? "" : `${first}: `;
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

/** scan.nii.gz: scan.nii and scan. */
function withoutEndings(name: string): string[] {
  const shorter: string[] = [];
  for (let left = name; /[^/]\.[^./\s]{1,6}$/.test(left) && basename(left) !== "";) {
    left = left.replace(/\.[^./]*$/, "");
    shorter.push(left);
  }
  return shorter;
}
