/** The nodes of a computation. */
import type { Tensor } from "../tensor.js";
import type { Call } from "./call.js";
import type { GraphWriter } from "./graph.js";
import type { ProgramInput } from "./record.js";
import { ruleOf } from "./rules/rules.js";

export interface Writable {
  inputs: readonly ProgramInput[];
  parameters: ReadonlyMap<string, Tensor>;
  calls: readonly Call[];
}

/**
 * @param inputs what the graph calls each input
 * @param prefix of the names of parameters
 * @throws OnnxError for a call that cannot be written
 */
export function writeProgram(
  graph: GraphWriter,
  program: Writable,
  inputs: ReadonlyMap<string, string>,
  prefix: string,
): void {
  const symbols = program.inputs.flatMap(({ name, shape }) =>
    shape.flatMap((size, axis) =>
      typeof size === "string" ? [[size, { tensor: inputs.get(name)!, axis }] as const] : [],
    ),
  );
  graph.begin(inputs, new Map(symbols));
  for (const call of program.calls) {
    for (const { value } of call.inputs)
      if (value.kind === "parameter")
        graph.bindParameter(value, `${prefix}${value.name}`, program.parameters.get(value.name)!);
    const names = [ruleOf(call.op).write(call, graph)].flat();
    call.outputs.forEach(({ value }, k) => graph.bind(value, names[k]!));
  }
}
