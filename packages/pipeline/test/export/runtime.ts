/** Runs exported files in onnxruntime's WebAssembly, on plain arrays. */
import * as ort from "onnxruntime-web/wasm";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

export interface Plain {
  type: "int16" | "uint16" | "uint8" | "float32" | "bool";
  data: Int16Array | Uint16Array | Uint8Array | Float32Array;
  shape: number[];
}

export class Runtime implements AsyncDisposable {
  private constructor(private readonly session: ort.InferenceSession) {}

  static async open(file: Uint8Array): Promise<Runtime> {
    return new Runtime(await ort.InferenceSession.create(file, { executionProviders: ["wasm"] }));
  }

  get outputNames(): readonly string[] {
    return this.session.outputNames;
  }

  /** Values and shapes of the outputs. */
  async run(
    inputs: Readonly<Record<string, Plain>>,
  ): Promise<Record<string, { values: number[]; shape: number[] }>> {
    const feeds = Object.entries(inputs).map(([name, { type, data, shape }]) => {
      return [name, new ort.Tensor(type, data as ort.Tensor.DataType, shape)] as const;
    });
    const found = await this.session.run(Object.fromEntries(feeds));
    return Object.fromEntries(
      Object.entries(found).map(([name, { data, dims }]) => [
        name,
        { values: Array.from(data as Float32Array, Number), shape: [...dims] },
      ]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.release();
  }
}
