/** A file is not a graph that `slicestack export --to onnx` wrote, or the runtime cannot use it. */
export class OnnxModelError extends Error {
  override readonly name = "OnnxModelError";
  constructor(
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${problem}. ${remedy}`, options);
  }
}
