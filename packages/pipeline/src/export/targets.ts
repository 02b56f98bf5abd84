/** The formats to which a model can be exported, each with its writer. */
import { mkdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { scope } from "@slicestack/torch";
import { AtomicFileWriter, StagedFolder, writeFileAtomic } from "../data/atomic.js";
import { writeSafetensors } from "../weights/safetensors.js";
import { ExportError } from "./export-error.js";
import { metadataOf } from "./metadata.js";
import {
  exportEnsemble,
  exportOnnx,
  type EnsembleMember,
  type ExportedOnnx,
  type ExportOnnxOptions,
} from "./onnx.js";
import { exportedState } from "./state-dict.js";
import { tritonConfig } from "./triton.js";

export interface TargetOptions extends Omit<ExportOnnxOptions, "calibration" | "countVote"> {
  /** File or folder. */
  out: string;
  overwrite: boolean;
}

/** A description of what was written. */
export interface Exported {
  files: string[];
  /** Inputs and outputs of a graph; null for weights alone. */
  graph: Omit<ExportedOnnx, "parts"> | null;
}

interface Target {
  /** Whether `out` is a folder. */
  isFolder: boolean;
  /** @param members one model, or those of a group, whose probabilities are averaged */
  write: (members: readonly EnsembleMember[], options: TargetOptions) => Exported;
}

export const TARGETS = {
  onnx: { isFolder: false, write: writeOnnx },
  triton: { isFolder: true, write: writeTriton },
  safetensors: { isFolder: false, write: writeWeights },
} as const satisfies Record<string, Target>;

export type ExportTarget = keyof typeof TARGETS;

function graphOf(members: readonly EnsembleMember[], options: TargetOptions): ExportedOnnx {
  const [{ model, ...fitted }] = members as [EnsembleMember];
  if (members.length === 1) return exportOnnx(model, { ...options, ...fitted });
  if ((options.part ?? "whole") === "whole") return exportEnsemble(members, options);
  throw new ExportError("A group has several trunks and heads", "Omit --part, or export one of its members.");
}

function writeOnnx(members: readonly EnsembleMember[], options: TargetOptions): Exported {
  const { parts, ...graph } = graphOf(members, options);
  writeParts(options.out, parts);
  return { files: [resolve(options.out)], graph };
}

function writeTriton(members: readonly EnsembleMember[], options: TargetOptions): Exported {
  const out = resolve(options.out);
  const exported = graphOf(members, options);
  const folder = new StagedFolder(out, "triton", options.overwrite);
  try {
    mkdirSync(join(folder.path, "1"));
    writeParts(join(folder.path, "1", "model.onnx"), exported.parts);
    writeFileAtomic(join(folder.path, "config.pbtxt"), tritonConfig(basename(out), exported));
    folder.commit();
  } catch (error) {
    folder.abort();
    throw error;
  }
  const { parts: _, ...graph } = exported;
  return { files: [join(out, "config.pbtxt"), join(out, "1", "model.onnx")], graph };
}

function writeWeights(members: readonly EnsembleMember[], options: TargetOptions): Exported {
  const [{ model, calibration }] = members as [EnsembleMember];
  if (members.length > 1)
    throw new ExportError(
      "safetensors contains the weights of one model, and a group has several",
      "Export its members, or the group as a bundle or to onnx.",
    );
  const { part = "whole", weights = "float32" } = options;
  if (part !== "whole" || weights !== "float32")
    throw new ExportError(
      "safetensors contains all weights in float32",
      "Omit --part and --weights, or export to onnx.",
    );
  const any = { kind: "any" } as const;
  const metadata = metadataOf(model.spec, { ...options, calibration, part, volumes: any, slices: any });
  scope(() => writeSafetensors(options.out, exportedState(model), { format: "pt", ...metadata }));
  return { files: [resolve(options.out)], graph: null };
}

/** Writes a file in pieces, atomically. */
function writeParts(file: string, parts: readonly Uint8Array[]): void {
  const writer = new AtomicFileWriter(file);
  try {
    for (const bytes of inBlocks(parts)) writer.write(bytes);
    writer.commit();
  } catch (error) {
    writer.abort();
    throw error;
  }
}

/** Joins small pieces, to reduce the number of writes. */
function* inBlocks(parts: readonly Uint8Array[]): Iterable<Uint8Array> {
  let small: Uint8Array[] = [];
  let size = 0;
  for (const part of parts) {
    if (part.length >= BLOCK || size + part.length > BLOCK) {
      if (size > 0) yield Buffer.concat(small);
      [small, size] = [[], 0];
    }
    if (part.length >= BLOCK) yield part;
    else {
      small.push(part);
      size += part.length;
    }
  }
  if (size > 0) yield Buffer.concat(small);
}

const BLOCK = 2 ** 20;
