/** Builds the ModelSpec of the model that a configuration trains on a data set. Only this file combines the two. */
import type { RunConfig, RunConfigOf } from "../config/types.js";
import { ConfigError } from "../config/errors.js";
import { loadedPlugins } from "../config/loaded-plugins.js";
import type { Dataset } from "../data/store.js";
import type { Task } from "../data/task.js";
import { sliceInput, volumeInput } from "../input/of-config.js";
import { componentOf } from "./component.js";
import type { TestTime } from "./test-time.js";
import { SPEC_FORMAT, seenOf, type ModelSpec, type StackSpec } from "./spec.js";

/** What determines the size of the models and their input. */
export interface Trained {
  config: RunConfig;
  /** The training data set; its window and sizes also apply to other data. */
  dataset: Dataset;
  task: Task;
  split: { hash: string };
  /** The record of the run; the training data of an imported checkpoint are unknown. */
  record?: { dataset: unknown };
}

/** @throws ConfigError if the configuration does not fit the data */
export function specOfTraining(trained: Trained): ModelSpec {
  const { config, dataset } = trained;
  const common = commonOf(trained);
  if (config.method === "3d") {
    const { model, dropout, loss, batchSize: batch } = config.network;
    const input = volumeInput(config, dataset);
    return { ...common, method: "3d", input, network: { ...model, dropout, loss: loss.name, batch } };
  }
  const { model, dropout, loss, vote: rule, voteK: k } = config.slice;
  const input = sliceInput(config, dataset);
  const slices = { input, trunk: { ...model, dropout, loss: loss.name }, vote: { rule, k } };
  if (config.method === "2d") return { ...common, method: "2d", ...slices };
  const isFineTuned = config.fineTune.epochs > 0;
  return { ...common, method: "2.5d", ...slices, head: headOf(config, dataset), isFineTuned };
}

function commonOf({ config, dataset: { info, volumes }, task, split, record }: Trained) {
  const { recipe, height, width, dtype, unit, range } = info;
  const counts = volumes.map(({ count }) => count);
  const depths: [number, number] = [Math.min(...counts), Math.max(...counts)];
  const { train, val } = task.parts;
  return {
    format: SPEC_FORMAT,
    version: 2,
    name: config.name,
    classes: { names: task.classes.names, ordinal: task.classes.ordinal },
    prepared: { recipe, height, width, depths, dtype, unit, range },
    trainedOn:
      record?.dataset === null
        ? null
        : {
            dataset: { name: info.name, hash: info.hash },
            split: split.hash,
            volumes: { train: train.length, val: val.length },
          },
    ...testTimeOf(config, task.classes.names),
    plugins: loadedPlugins().filter(({ file }) => config.plugins.includes(file)),
  } as const;
}

/** Nothing where there are no views. @throws ConfigError if a class is unknown, or a flip would exchange left and right */
function testTimeOf({ transform }: RunConfig, names: readonly string[]): { testTime?: TestTime } {
  const { testTimeFlips: flips, testTimeShift: shift, testTimeWindow: window, swapOnFlip } = transform;
  const swap = swapOnFlip.map((pair) => pair.map((name) => indexOf(name, names)) as [number, number]);
  const isMirrored = flips.includes("horizontal");
  const sided = names.find((name) => names.includes(otherSide(name)) && otherSide(name) !== name);
  if (isMirrored && sided !== undefined && swap.length === 0) {
    const message = `transform.swap_on_flip: a horizontal flip exchanges ${sided} and ${otherSide(sided)}; set it to [[${sided}, ${otherSide(sided)}]]`;
    throw new ConfigError([{ key: "transform.swap_on_flip", message }]);
  }
  return flips.length === 0 && shift === 0 && window === 0
    ? {}
    : { testTime: { flips, shift, window, swap } };
}

function indexOf(name: string, names: readonly string[]): number {
  const index = names.indexOf(name);
  if (index >= 0) return index;
  const message = `transform.swap_on_flip: expected names of classes, received ${name}; there are ${names.join(", ")}`;
  throw new ConfigError([{ key: "transform.swap_on_flip", message }]);
}

const otherSide = (name: string): string =>
  /left/i.test(name) ? name.replace(/left/i, "right") : name.replace(/right/i, "left");

function headOf(
  { head, transform }: RunConfigOf<"2.5d">,
  { volumes }: Pick<Dataset, "volumes">,
): StackSpec["head"] {
  const { model, dropout, loss, slices: sampled } = head;
  if (componentOf("head", model.name).sees === "maps" && transform.planes === "three") {
    const message = `transform.planes: ${model.name} stacks the maps of axial slices; set planes to axial, or choose another head`;
    throw new ConfigError([{ key: "transform.planes", message }]);
  }
  const slices = Math.max(...volumes.map(({ count }) => seenOf(count, sampled, transform)));
  return { ...model, dropout, loss: loss.name, slices, sampled };
}
