/** Recurrent layers. */
import type { Call } from "../call.js";
import type { GraphWriter } from "../graph.js";
import { rule, type Rules } from "./rule.js";

/**
 * The engine's gates are reset, update, new; ONNX's are update, reset, hidden, and its steps come first.
 * With linear_before_reset the reset gate acts after the product, as in PyTorch.
 */
const gru = rule([0, 1, 2], (call, graph) => {
  if (call.number(3) !== 1) call.refuse("is written layer by layer");
  const parameters = call.tensors(2);
  const directions = call.setting(6) === true ? 2 : 1;
  const hidden = parameters[1]?.shape[1];
  if (typeof hidden !== "number" || parameters.length !== 4 * directions)
    call.refuse("expected weights and biases");
  const each = (k: number) =>
    Array.from({ length: directions }, (_, direction) =>
      reordered(call, graph, 4 * direction + k, hidden as number),
    );
  const stacked = (rows: readonly string[]) =>
    graph.node(
      "Concat",
      rows.map((row) => graph.node("Unsqueeze", [row, graph.integers([0])])),
      { axis: 0 },
    );
  const [inputBias, hiddenBias] = [each(2), each(3)];
  const biases = inputBias.map((bias, direction) =>
    graph.node("Concat", [bias, hiddenBias[direction]!], { axis: 0 }),
  );
  const steps = graph.node("Transpose", [graph.name(call.tensor(0))], { perm: [1, 0, 2] });
  const inputs = [steps, stacked(each(0)), stacked(each(1)), stacked(biases), "", graph.name(call.tensor(1))];
  const attributes = {
    hidden_size: hidden as number,
    linear_before_reset: 1,
    direction: directions === 2 ? "bidirectional" : "forward",
  };
  const [y_SDBH = "", last_DBH = ""] = graph.nodeOutputs("GRU", inputs, attributes, 2);
  const y_BSDH = graph.node("Transpose", [y_SDBH], { perm: [2, 0, 1, 3] });
  return [graph.node("Reshape", [y_BSDH, graph.integers([0, 0, -1])]), last_DBH];
});

/** Rows of the gates in ONNX's order. */
function reordered(call: Call, graph: GraphWriter, k: number, hidden: number): string {
  const name = graph.name(call.tensors(2)[k]!);
  const lengths = graph.integers([hidden, hidden, hidden]);
  const [reset = "", update = "", fresh = ""] = graph.nodeOutputs("Split", [name, lengths], { axis: 0 }, 3);
  return graph.node("Concat", [update, reset, fresh], { axis: 0 });
}

export const recurrentRules: Rules = { gru };
