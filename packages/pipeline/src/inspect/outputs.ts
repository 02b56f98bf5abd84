/** The requested output files, and how they are written. */
import { extname, join, resolve } from "node:path";
import { writeFileAtomic } from "../data/atomic.js";
import { claimFolder, refuseExistingFile, refuseForeign } from "../data/owned-folder.js";
import { svgToPng } from "../page/drawing.js";
import { animationKind } from "./animation.js";
import { InspectError } from "./errors.js";

export interface OutputOptions {
  /** Folder for all pictures: a new one, or one with such pictures, in which files with the same names are replaced. */
  out?: string;
  /** PNG. */
  montage?: string;
  /** GIF or WebP. */
  animation?: string;
  /** SVG or PNG. */
  histogram?: string;
  /** PNG of source and prepared volume. */
  comparison?: string;
  /** Replace existing files; not needed in `out`. Default false. */
  overwrite?: boolean;
}

/** Files by what they show; empty if they are not requested. */
export interface Wanted {
  montage: string[];
  animation: string[];
  histogram: string[];
  comparison: string[];
  inputs: string[];
}

/** @throws InspectError for an unsupported ending   @throws FolderError for a folder of another kind, or an existing file */
export function wantedFiles(options: OutputOptions): Wanted {
  const { out, montage, animation, histogram, comparison, overwrite = false } = options;
  for (const file of [montage, comparison]) if (file !== undefined) checkEnding(file, [".png"]);
  if (histogram !== undefined) checkEnding(histogram, [".svg", ".png"]);
  if (animation !== undefined) animationKind(animation);
  if (out !== undefined) refuseForeign(resolve(out), "pictures");
  for (const file of [montage, animation, histogram, comparison])
    if (file !== undefined) refuseExistingFile(file, overwrite);
  const files = (single: string | undefined, ...names: string[]) => [
    ...(single === undefined ? [] : [single]),
    ...(out === undefined ? [] : names.map((name) => join(out, name))),
  ];
  return {
    montage: files(montage, "montage.png"),
    animation: files(animation, "animation.webp"),
    histogram: files(histogram, "histogram.svg", "histogram.png"),
    comparison: files(comparison, "comparison.png"),
    inputs: files(undefined, "inputs.png"),
  };
}

function checkEnding(file: string, endings: readonly string[]): void {
  if (endings.includes(extname(file).toLowerCase())) return;
  throw new InspectError(`${file}: expected a name that ends in ${endings.join(" or ")}`, "Rename the file.");
}

/** Writes the requested files, each completely or not at all, and collects their names. */
export class Outputs {
  readonly files: string[] = [];

  constructor(
    readonly wanted: Wanted,
    out: string | undefined,
  ) {
    if (out !== undefined) claimFolder(resolve(out), "pictures");
  }

  /** Makes and writes each requested file of one kind. */
  async write(what: keyof Wanted, make: (file: string) => Promise<Uint8Array | string>): Promise<void> {
    for (const file of this.wanted[what]) {
      writeFileAtomic(file, await make(file));
      this.files.push(file);
    }
  }

  async writeFigure(svg: () => Promise<string>): Promise<void> {
    if (this.wanted.histogram.length === 0) return;
    const drawn = await svg();
    await this.write("histogram", async (file) =>
      extname(file).toLowerCase() === ".svg" ? drawn : await svgToPng(drawn),
    );
  }
}
