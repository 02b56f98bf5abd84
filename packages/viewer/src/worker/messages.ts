/** What the page and the worker that reads and predicts say to each other. */
import type { GraphFacts, OnnxResult, OnnxScanResult } from "@slicestack/volume/onnx";

/** A scan among the chosen files, before it is read. */
export interface FoundScan {
  source: string;
  description: string;
  /** null before a file is read. */
  slices: number | null;
}

/** A scan as it is drawn. */
export interface DrawnScan {
  /** A NIfTI-1 file of the scan's own voxels. */
  nifti: ArrayBuffer;
  shape: [number, number, number];
  spacing: [number, number, number];
  unit: "HU" | "arbitrary";
  /** Smallest and largest value. */
  range: [number, number];
  /** Whether it has a place in space; arrays have none. */
  isScan: boolean;
}

/** The result without the voxels, and where the model's slices are. */
export interface ShownResult extends OnnxResult {
  prepared: Pick<OnnxScanResult["prepared"], "shape" | "geometry" | "original" | "crop">;
}

export type Stage = "find" | "read" | "prepare" | "predict";

/** `number` counts the requests of a kind; the reply has it, too, so that what nobody waits for any more is known. */
export type Request =
  | { kind: "model"; number: number; bytes: ArrayBuffer }
  | { kind: "find"; number: number; files: File[] }
  | { kind: "scan"; index: number }
  | { kind: "close" };

export type Reply =
  | { kind: "ready" }
  | { kind: "broken"; message: string }
  | { kind: "model"; number: number; facts: GraphFacts; isCalibrated: boolean }
  | { kind: "modelRefused"; number: number; message: string }
  | { kind: "stage"; stage: Stage | null }
  | { kind: "found"; number: number; scans: FoundScan[]; setAside: { name: string; reason: string }[] }
  | { kind: "drawn"; index: number; scan: DrawnScan }
  | { kind: "result"; index: number; result: ShownResult }
  | { kind: "refused"; index: number; message: string; isRead: boolean };
