/** Runs ONNX files in onnxruntime's WebAssembly, which needs neither a download nor an install script. */
import * as ort from "onnxruntime-web/wasm";
import { fromTypedArray, type DType, type Tensor, type TypedArray } from "../../src/index.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

export class Runtime implements AsyncDisposable {
  private constructor(private readonly session: ort.InferenceSession) {}

  /** @param parts pieces of the file, one after another */
  static async open(parts: readonly Uint8Array[]): Promise<Runtime> {
    const session = await ort.InferenceSession.create(Buffer.concat(parts), { executionProviders: ["wasm"] });
    return new Runtime(session);
  }

  get inputNames(): readonly string[] {
    return this.session.inputNames;
  }

  /** The outputs belong to the scope around. */
  async run(inputs: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, feed(tensor)]));
    const found = await this.session.run(feeds);
    return Object.fromEntries(
      Object.entries(found).map(([name, { type, data, dims }]) => {
        const dtype = type as DType;
        return [name, fromTypedArray(data as TypedArray, [...dims], { dtype })];
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.release();
  }
}

function feed(tensor: Tensor): ort.Tensor {
  const type = tensor.dtype as ort.Tensor.Type;
  return new ort.Tensor(type, tensor.toTypedArray() as ort.Tensor.DataType, tensor.shape);
}
