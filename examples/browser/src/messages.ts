/** What the page and its worker say to each other. */
import type { GraphFacts, OnnxScanResult } from "@slicestack/volume/onnx";

export type Request = { kind: "open"; model: File } | { kind: "predict"; files: File[] };

export type Reply =
  | { kind: "ready" }
  | { kind: "opened"; facts: GraphFacts; isCalibrated: boolean }
  | { kind: "stage"; text: string }
  | { kind: "result"; result: OnnxScanResult }
  | { kind: "failed"; source: string; reason: string }
  | { kind: "done"; scans: number; setAside: { name: string; reason: string }[] }
  | { kind: "refused"; message: string };
