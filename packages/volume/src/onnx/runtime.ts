/** As much of onnxruntime as a prediction needs: `onnxruntime-web`, its `/wasm`, and `onnxruntime-node` all fit. */
import type { StoreArray, StoreDtype } from "../prepare/store-dtype.js";

export interface OnnxTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
}

export interface OnnxSession {
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, never>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

/** The module of a runtime, as `import * as ort from "onnxruntime-web/wasm"` gives it. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: { executionProviders?: readonly string[] }): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: StoreDtype, data: StoreArray, dims: readonly number[]) => OnnxTensor;
}
