/** One op of the engine as nodes of ONNX. */
import type { Call } from "../call.js";
import type { GraphWriter } from "../graph.js";

export interface Rule {
  /** Which of the arguments are tensors, or lists of tensors. */
  tensors: (given: readonly unknown[]) => readonly number[];
  /** Writes the nodes. @returns the names of the outputs */
  write: (call: Call, graph: GraphWriter) => string | string[];
}

export type Rules = Readonly<Record<string, Rule>>;

/** A rule for an op whose tensors are these arguments. */
export const rule = (tensors: readonly number[], write: Rule["write"]): Rule => ({
  tensors: () => tensors,
  write,
});

/** An axis in the form of ONNX's attributes: counted from the front. */
export function axisOf(call: Call, k: number, dimensions = call.tensor(0).shape.length): number {
  const axis = call.number(k);
  return axis < 0 ? axis + dimensions : axis;
}
