/** Reads weights from files of all supported formats, which are recognised by content and not by name. */
import type { Tensor } from "@slicestack/torch";
import { isLegacyPth, readLegacyPth } from "./pth/legacy-format.js";
import { readZipPth } from "./pth/zip-format.js";
import { readHeader, readTensors, type StoredTensor, WeightsFile } from "@slicestack/torch/safetensors";
import { findWeights, withoutPrefixes, type FoundWeights, type OtherEntry } from "./state-dict.js";

/** "pth" is the zip archive of torch.save, "legacy pth" its format before PyTorch 1.6. */
export type WeightsFormat = "safetensors" | "pth" | "legacy pth";

export interface Weights {
  /** Tensors under PyTorch's names. The caller owns them: the enclosing scope, or code that disposes of them. */
  tensors: Map<string, Tensor>;
  /** safetensors: its metadata. pth: the numbers and short texts beside the weights, e.g. epoch. */
  metadata: Record<string, string>;
  format: WeightsFormat;
  /** SHA-256 of the file. */
  hash: string;
  /** Choices that were made, e.g. which of several entries, in sentences for the user. */
  notes: string[];
  /** Other entries of the file, which are skipped, e.g. the state of the optimiser. */
  others: OtherEntry[];
}

/**
 * Reads safetensors, .pth and .pt files. No code in a file is executed.
 * @param wanted names to read; default all
 * @throws CheckpointError if the file is missing, damaged, of another kind, or names objects that weights do not need
 */
export function readWeights(path: string, wanted: (name: string) => boolean = () => true): Weights {
  using opened = new OpenWeights(path);
  const { metadata, format, notes, others, stored } = opened;
  const chosen = new Map([...stored].filter(([name]) => wanted(name)));
  const tensors = readTensors(opened.file, chosen);
  return { tensors, metadata, format, hash: opened.file.hash(), notes, others };
}

/** A weights file whose tensors are known by name, type and shape; their values are read later. */
export class OpenWeights implements Disposable {
  readonly file: WeightsFile;
  readonly format: WeightsFormat;
  readonly stored: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Record<string, string>;
  readonly notes: string[];
  readonly others: OtherEntry[];

  /** @throws like readWeights, but without checking the checksums of values */
  constructor(path: string) {
    this.file = new WeightsFile(path);
    try {
      this.format = formatOf(this.file);
      const { stored, metadata, notes, others } = contents(this.file, this.format);
      this.stored = stored;
      this.metadata = metadata;
      this.notes = notes;
      this.others = others;
    } catch (error) {
      this.file[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.file[Symbol.dispose]();
  }
}

function contents(file: WeightsFile, format: WeightsFormat): FoundWeights {
  if (format === "safetensors") {
    const { stored, metadata } = readHeader(file);
    return { ...withoutPrefixes(stored), metadata };
  }
  const { object, notes } = format === "pth" ? readZipPth(file) : { object: readLegacyPth(file), notes: [] };
  const weights = findWeights(object, (problem, remedy) => file.fault(problem, remedy));
  return { ...weights, notes: [...notes, ...weights.notes] };
}

/** The first bytes of files that are often mistaken for weights. */
const unclaimed: [start: string, what: string][] = [
  ["version https://git-lfs", "a pointer of Git LFS, not the file itself: fetch it with git lfs pull"],
  ["<", "a web page or XML: the download went wrong"],
  ["\x1f\x8b", "a gzip file: unpack it first"],
  ["\x89HDF", "an HDF5 file, as Keras writes it"],
  ["\x93NUMPY", "a numpy array"],
];

function formatOf(file: WeightsFile): WeightsFormat {
  const start = file.read(0, Math.min(64, file.size));
  const text = Buffer.from(start).toString("latin1");
  if (text.startsWith("PK\x03\x04")) return "pth";
  if (isLegacyPth(start)) return "legacy pth";
  // A header's length in 8 bytes, then JSON.
  if (text[8] === "{") return "safetensors";
  const remedy = 'Give safetensors, or what torch.save(model.state_dict(), "weights.pth") writes.';
  const stranger = unclaimed.find(([begin]) => text.startsWith(begin));
  if (stranger !== undefined) throw file.fault(`is ${stranger[1]}`, remedy);
  if (start[0] === 0x80 && (start[1] ?? 0) <= 5)
    throw file.fault("is a pickle, but not one that torch.save wrote", remedy);
  throw file.fault(
    `is not a weights file (${file.size === 0 ? "it is empty" : `it begins with ${shown(start)}`})`,
    remedy,
  );
}

const shown = (start: Uint8Array) => Buffer.from(start.subarray(0, 8)).toString("hex");
