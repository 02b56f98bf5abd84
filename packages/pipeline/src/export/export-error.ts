import { OnnxError } from "@slicestack/torch/onnx";
import { crossThreads } from "../engine/thread-errors.js";

/** A model cannot be exported as requested. */
export class ExportError extends Error {
  override readonly name = "ExportError";
  constructor(problem: string, remedy: string, options?: ErrorOptions) {
    super(`${problem}. ${remedy}`, options);
  }
}

crossThreads(import.meta.url, ExportError, OnnxError);
