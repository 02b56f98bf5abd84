/** What a recording consists of. */
import type { DType } from "../types.js";
import type { Sizes } from "./size.js";

/** A tensor of the recording: an input or a parameter by its name, or what a call returned. */
export interface Value {
  readonly kind: "input" | "parameter" | "made";
  readonly name: string;
}

export interface TensorFacts {
  value: Value;
  shape: number[];
  dtype: DType;
}

/** An argument that is a tensor, none, or a list of tensors; everything else stays as it was given. */
export type Argument = { tensors: readonly TensorFacts[]; isList: boolean } | { plain: unknown };

export interface RecordedCall {
  op: string;
  arguments: Argument[];
  outputs: TensorFacts[];
}

export interface Recording {
  sizes: Sizes;
  calls: RecordedCall[];
  outputs: Map<string, TensorFacts>;
}
