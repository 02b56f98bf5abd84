/** Element types, as PyTorch names them. */
export type DType =
  "float32" | "float64" | "bfloat16" | "float16" | "int64" | "int32" | "int16" | "int8" | "uint8" | "bool";

export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray;

/** `channels_last` is for N, C, H, W; `channels_last_3d` for N, C, D, H, W. `preserve` keeps the current format. */
export type MemoryFormat = "contiguous" | "channels_last" | "channels_last_3d" | "preserve";

export interface TensorOptions {
  /** Default float32; for typed arrays, that of the array. */
  dtype?: DType;
  /** `cpu` (default), `cuda:N` or `mps`. */
  device?: string;
}
