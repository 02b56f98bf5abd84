import { TorchError } from "../errors.js";

/** A computation that cannot be written as an ONNX graph: names the op, and says why and what to do. */
export class OnnxError extends TorchError {
  override readonly name = "OnnxError";
}
