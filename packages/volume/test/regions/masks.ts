import { facts } from "../fixtures.js";
import type { Grid, Triple } from "../../src/index.js";

interface ComponentFacts {
  labels: number[];
  count: number;
  sizes: number[];
  boxes: [start: number[], end: number[]][];
}

interface MorphologyFacts {
  spacing: Triple;
  radius: number;
  dilate: string;
  erode: string;
  opening: string;
  closing: string;
}

export interface MaskFacts {
  name: string;
  shape: Triple;
  mask: string;
  faces: ComponentFacts;
  corners: ComponentFacts;
  filled: string;
  filledInSlices: string;
  morphology: MorphologyFacts[];
}

export interface MaskBoxFacts {
  grid: Grid & { direction: number[]; origin: Triple };
  maskGrid: Grid & { direction: number[]; origin: Triple };
  mask: string;
  box: [start: number[], end: number[]];
}

/** The results of scipy.ndimage and numpy (fixtures/volume/regions.py). */
export const regionFacts = facts<{ masks: MaskFacts[]; boxes: MaskBoxFacts[] }>("regions.json");

/** A mask from hexadecimal bits, the lowest first. */
export function maskOf(hex: string, shape: Triple): Uint8Array {
  const bytes = Buffer.from(hex, "hex");
  return Uint8Array.from(
    { length: shape[0] * shape[1] * shape[2] },
    (_, i) => ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1,
  );
}
