/**
 * The configuration of a model that is known by its contract alone: what it sees, its components and its classes. How it was
 * trained is not in a contract, so that these settings have their defaults.
 */
import { loadConfig } from "../config/load.js";
import type { RunConfig } from "../config/types.js";
import type { ModelSpec } from "./spec.js";

/** @param precision of its training */
export function configOfSpec(spec: ModelSpec, precision: RunConfig["precision"]): RunConfig {
  const { name, method, classes, plugins } = spec;
  const file = {
    name,
    method,
    precision,
    plugins: plugins.map((plugin) => plugin.file),
    task: { class_names: classes.names, ordinal: classes.ordinal },
    transform: transformOf(spec),
    ...sectionsOf(spec),
  };
  // Its values were checked when the training began, and JSON is YAML.
  return loadConfig({ file: name, text: JSON.stringify(file), isStored: true });
}

function transformOf(spec: ModelSpec) {
  const { windows, mean, std } = spec.input;
  const values = {
    ...(windows.length === 1 ? { window: windows[0] } : { windows }),
    mean,
    std,
    ...testTimeKeys(spec),
  };
  if (spec.method === "3d") return values;
  const { neighbours, planes } = spec.input;
  return { ...values, neighbours, planes };
}

function testTimeKeys({ testTime, classes: { names } }: ModelSpec) {
  if (testTime === undefined) return {};
  const { flips, shift, window, swap } = testTime;
  return {
    test_time_flips: flips,
    test_time_shift: shift,
    test_time_window: window,
    swap_on_flip: swap.map((pair) => pair.map((k) => names[k]!)),
  };
}

function sectionsOf(spec: ModelSpec) {
  if (spec.method === "3d") {
    const { network, input } = spec;
    const { dropout, loss, batch } = network;
    return {
      network: { model: choice(network), size: input.size, fit: input.fit, dropout, loss, batch_size: batch },
    };
  }
  const { trunk, vote, input } = spec;
  const { dropout, loss } = trunk;
  const slice = { model: choice(trunk), size: input.size, dropout, loss, vote: vote.rule, vote_k: vote.k };
  if (spec.method === "2d") return { slice };
  const { head, isFineTuned } = spec;
  return {
    slice,
    head: { model: choice(head), dropout: head.dropout, loss: head.loss, slices: head.sampled },
    fine_tune: { epochs: isFineTuned ? 1 : 0 },
  };
}

const choice = ({ name, options }: { name: string; options: Record<string, unknown> }) => ({
  [name]: options,
});
