/** What the report states of a prediction: the part of a result that it needs, and where the prepared slices lie. */
import type { VolumeRecord } from "../data/volume-record.js";

export interface StatedResult {
  model: { name: string; method: string; sha256: string; members: number };
  /** By class. */
  probabilities: Readonly<Record<string, number>>;
  uncalibrated: Readonly<Record<string, number>>;
  calibrated: boolean;
  decision: { class: string; rule: string; threshold: number | null };
  set: { classes: readonly string[]; miss: number } | null;
  slices: readonly { slice: number | null; weight: number | null }[];
  warnings: readonly { message: string }[];
}

/** The position of the prepared voxels in space. */
export type PreparedPlace = Pick<VolumeRecord, "geometry" | "count"> & {
  /** Height and width. */
  size: readonly [number, number];
};

export const RESEARCH_USE =
  "Research software: this result has not been reviewed and must not be used for a diagnosis.";
