/** Derives a computation for all sizes from recordings at a few. */
import type { Tensor } from "../tensor.js";
import { Call, sizedTensor, type SizedTensor } from "./call.js";
import { GraphWriter } from "./graph.js";
import { OnnxError } from "./onnx-error.js";
import { record, type ProgramInput, type Recordable } from "./record.js";
import type { Sizes } from "./size.js";
import { writeProgram } from "./write-program.js";

export interface Program {
  inputs: readonly ProgramInput[];
  parameters: ReadonlyMap<string, Tensor>;
  /** Only the calls on which an output depends. */
  calls: readonly Call[];
  outputs: ReadonlyMap<string, SizedTensor>;
  /** The names of inputs and outputs in a sequence of programs, where they differ from those here. */
  names?: ReadonlyMap<string, string>;
}

// Numbers that hardly any layer has as its width, and 1, at which shapes are most often special.
const PRIMES = [
  [2, 5, 3, 1],
  [17, 19, 37, 1],
  [23, 11, 29, 1],
  [13, 31, 7, 1],
] as const;

/**
 * The sizes to record at: each named size takes four values, one of which is 1. Without names, one recording suffices.
 * @throws OnnxError for more than four names
 */
export function defaultSizes(inputs: readonly ProgramInput[]): Sizes[] {
  const names = [...new Set(inputs.flatMap(({ shape }) => shape.filter((size) => typeof size === "string")))];
  if (names.length > PRIMES.length)
    throw new OnnxError(
      `expected at most ${PRIMES.length} sizes that may be any, received ${names.length}`,
      "record",
    );
  if (names.length === 0) return [{}];
  return [0, 1, 2, 3].map((k) => Object.fromEntries(names.map((name, row) => [name, PRIMES[row]![k]!])));
}

/**
 * Runs a computation once at each of the sizes and keeps what all runs have in common. It is then written for every
 * size at which it has the same form: what JavaScript decides by a size, such as a loop over slices, must not change.
 * @param sizes default: four of each size that may be any
 * @throws OnnxError for an op without a rule, by its name; for a computation whose form depends on a size
 */
export function recordProgram(
  computation: Recordable,
  sizes: readonly Sizes[] = defaultSizes(computation.inputs),
): Program {
  const recordings = sizes.map((size) => record(computation, size));
  const [first] = recordings;
  if (first === undefined) throw new OnnxError("expected sizes to record at, received none", "record");
  const counts = recordings.map(({ calls }) => calls.length);
  if (counts.some((count) => count !== counts[0]))
    throw new OnnxError(`has a different form at another size: ${counts.join(", ")} ops`, "record");
  const calls = first.calls.map(
    (_, k) =>
      new Call(
        recordings.map((one) => one.calls[k]!),
        sizes,
      ),
  );
  const outputs = new Map(
    [...first.outputs.keys()].map((name) => {
      const facts = recordings.map((one) => one.outputs.get(name));
      return [
        name,
        sizedTensor(
          facts.filter((one) => one !== undefined),
          sizes,
          `output ${name}`,
        ),
      ];
    }),
  );
  const { inputs, parameters } = computation;
  const program = { inputs, parameters, calls: needed(calls, [...outputs.values()]), outputs };
  // Calls that cannot be written are refused here, while the caller can still choose another form.
  writeProgram(new GraphWriter(), program, new Map(inputs.map(({ name }) => [name, name])), "");
  return program;
}

/** The calls whose results are used, found from the last to the first. */
function needed(calls: readonly Call[], outputs: readonly SizedTensor[]): Call[] {
  const used = new Set(outputs.map(({ value }) => `${value.kind} ${value.name}`));
  const kept: Call[] = [];
  for (const call of [...calls].reverse()) {
    if (!call.outputs.some(({ value }) => used.has(`${value.kind} ${value.name}`))) continue;
    for (const { value } of call.inputs) used.add(`${value.kind} ${value.name}`);
    kept.unshift(call);
  }
  return kept;
}
