/** Checks before the run folder is created what training would otherwise refuse later: the device, the models, their initial weights. */
import { ArgumentError, OutOfMemoryError, scope } from "@slicestack/torch";
import { ConfigError } from "../config/errors.js";
import type { StageName } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import type { Split } from "../data/split/split.js";
import type { Dataset } from "../data/store.js";
import { loadForNewClasses, loadTrunk, loadWeights, type Loaded } from "../models/load-weights.js";
import { createHead, createModel, createTrunk } from "../models/create-model.js";
import type { ModelSpec } from "../models/spec.js";
import type { Module } from "@slicestack/torch/nn";
import { initModelFor, initSource, type InitModel } from "./init-from.js";
import { computeOf } from "./rank-compute.js";
import { refuseForeignSplit } from "./run-stages.js";
import { checkHeadFits } from "./volume-stage.js";
import type { World } from "./world.js";

export interface StartCheck {
  config: RunConfig;
  spec: ModelSpec;
  dataset: Dataset;
  split: Split;
  /** Whether the slice stage is trained here instead of being reused from another run. */
  trainsSlices: boolean;
  /** The file of slice.pretrained; null if there is none. */
  pretrained: string | null;
  /** The models of init_from; null if there is none. */
  initFrom: readonly InitModel[] | null;
  world: World;
}

/** @throws ConfigError, ModelError, CheckpointError, RunError, DatasetError, SplitError */
export function checkStart(check: StartCheck): void {
  const { config, spec, dataset, split, trainsSlices, pretrained, initFrom, world } = check;
  const start = initFrom === null ? null : initModelFor(initFrom, config, split.hash);
  computeOf(config, { ...world, localRank: world.localWorldSize - 1 }); // there may be more processes than GPUs
  const given = (model: Module, stage: StageName) => {
    const refuse = (file: string, { metadata }: Loaded) =>
      refuseForeignSplit({ dataset, split }, file, metadata);
    if (config.checkpoint !== null && (stage === "slice" || config.method === "3d"))
      refuse(config.checkpoint, loadWeights(model, config.checkpoint));
    const source = start === null ? null : initSource(config, start, stage);
    if (source !== null) refuse(source.file, loadForNewClasses(model, source.file, source.prefix));
  };
  scope(() => {
    if (spec.method === "3d") {
      const size = spec.input.size.join(" x ");
      const name = `${spec.network.name} on volumes of ${size}`;
      using model = built("network.size", name, "network.size, or another network.model", () =>
        createModel(spec),
      );
      return given(model.network, "volume");
    }
    const size = spec.input.size.join(" x ");
    const name = `${spec.trunk.name} on slices of ${size}`;
    using trunk = built("slice.size", name, "slice.size, or another slice.model", () => createTrunk(spec));
    if (trainsSlices) {
      given(trunk, "slice");
      if (pretrained !== null) loadTrunk(trunk, pretrained);
    }
    if (spec.method === "2d") return;
    checkHeadFits(config, dataset);
    const remedy = "width or fewer layers of the head, or another head";
    using head = built("head.model", spec.head.name, remedy, () => createHead(spec, trunk));
    given(head, "volume");
  });
}

/** If a model does not fit on the machine, its configuration is at fault: the error names the setting instead of the engine's reason alone. */
function built<T>(key: string, model: string, smaller: string, create: () => T): T {
  try {
    return create();
  } catch (error) {
    if (!(error instanceof OutOfMemoryError) && !(error instanceof ArgumentError)) throw error;
    const [reason] = error.message.split(/[;\n]/); // without the list of live tensors
    const message = `${key}: ${model} cannot be built on this machine (${reason}). Choose a smaller ${smaller}.`;
    throw new ConfigError([{ key, message }]);
  }
}
