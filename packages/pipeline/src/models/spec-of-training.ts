/** Builds the ModelSpec of the model that a configuration trains on a data set. Only this file combines the two. */
import type { RunConfig } from "../config/types.js";
import { ConfigError } from "../config/errors.js";
import { loadedPlugins } from "../config/plugins.js";
import type { Dataset } from "../data/store.js";
import type { Task } from "../data/task.js";
import { sliceInput, volumeInput } from "../input/of-config.js";
import { componentOf } from "./component.js";
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
    const { model: name, modelOptions: options = {}, dropout, loss, batchSize: batch } = config.volume;
    const input = volumeInput(config, dataset);
    return { ...common, method: "3d", input, network: { name, options, dropout, loss, batch } };
  }
  const { model: name, modelOptions: options = {}, dropout, loss, vote: rule, voteK: k } = config.slice;
  const input = sliceInput(config, dataset);
  const slices = { input, trunk: { name, options, dropout, loss }, vote: { rule, k } };
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
    version: 1,
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
    plugins: loadedPlugins().filter(({ file }) => config.plugins.includes(file)),
  } as const;
}

function headOf({ volume, transform }: RunConfig, { volumes }: Pick<Dataset, "volumes">): StackSpec["head"] {
  if (componentOf("head", volume.head).sees === "maps" && transform.planes === "three") {
    const message = `transform.planes: ${volume.head} stacks the maps of axial slices; set planes to axial, or choose another head`;
    throw new ConfigError([{ key: "transform.planes", message }]);
  }
  const { head: name, headOptions: options = {}, dropout, k, width, layers, loss, slices: sampled } = volume;
  const slices = Math.max(...volumes.map(({ count }) => seenOf(count, sampled, transform)));
  return { name, options, dropout, k, width, layers, loss, slices, sampled };
}
