/** The job of `explain`: the maps and numbers of each volume, sent one by one. */
import { manualSeed } from "@slicestack/torch";
import { stopIfAsked, type JobContext } from "../engine/job.js";
import type { RunConfig } from "../config/types.js";
import { openDataset } from "../data/store.js";
import type { TaskVolume } from "../data/task.js";
import { datasetSource } from "../input/source.js";
import { openModel, type OpenModel } from "../predict/open-model.js";
import { planCompute, startCompute } from "../run/compute.js";
import { loaderOf } from "../trained/member-weights.js";
import type { TrainedMember } from "../trained/trained-model.js";
import { functionOfModel } from "./function-of-model.js";
import {
  explainVolume,
  OTHER_STEPS,
  type MapKind,
  type StoredMaps,
  type SubjectExplained,
} from "./subject.js";
import type { BaselineKind } from "./volume-function.js";

export interface ExplainJob {
  model: TrainedMember;
  /** Folder of the data set with the volumes. */
  data: string;
  compute: Pick<RunConfig, "device" | "threads" | "precision">;
  seed: number;
  /** Volumes in the order in which they are explained. */
  volumes: TaskVolume[];
  kinds: MapKind[];
  /** null: the predicted class. */
  target: number | null;
  layer: string | null;
  baseline: BaselineKind;
  steps: number;
  /** null: no checks. */
  check: { steps: number; draws: number } | null;
}

/** The result of one volume, sent when it is done. */
export interface ExplainEvent {
  volume: TaskVolume;
  explained: SubjectExplained;
  maps: StoredMaps;
}

export interface ExplainOutcome {
  explained: string;
  layer: string;
}

/** Seed of the random weights of the check; any seed that training does not use. */
const OTHER_SEED = 0x5eed;

export function job(input: ExplainJob, context: JobContext): ExplainOutcome {
  const { seed } = input;
  const { spec } = input.model;
  const compute = planCompute(input.compute);
  startCompute(compute, seed);
  const source = datasetSource(openDataset(input.data));
  const functionOf = (model: OpenModel) => functionOfModel(model, source, compute.device);
  using trained = openModel(spec, loaderOf(input.model), compute.device);
  using explaining = functionOf(trained);
  const model = explaining.function;
  const layer = model.layer(input.layer);
  manualSeed(OTHER_SEED);
  using untrained = input.check === null ? null : openModel(spec, null, compute.device);
  using other = untrained === null ? null : functionOf(untrained);
  const check =
    other === null || input.check === null
      ? null
      : { ...input.check, other: { model: other.function, layer: other.function.layer(input.layer) } };

  const total = input.volumes.length * partsOf(input);
  let done = 0;
  input.volumes.forEach((volume, k) => {
    const { id } = volume;
    const onPart = () => {
      stopIfAsked(context);
      context.report({
        stage: "explain",
        done: Math.min(++done, (k + 1) * partsOf(input)),
        total,
        unit: "passes",
        message: id,
      });
    };
    const options = { ...input, layer, check, seed, onPart };
    const { explained, maps } = explainVolume(model, volume, options);
    done = (k + 1) * partsOf(input);
    context.event({ volume, explained, maps } satisfies ExplainEvent);
  });
  return { explained: model.explained, layer: layer.name };
}

/** The approximate number of passes through the model per volume. */
function partsOf({ kinds, steps, check }: ExplainJob): number {
  const hasPath = kinds.includes("ig");
  const paths = hasPath ? steps : 0;
  if (check === null) return 2 + paths;
  const inner = check.steps - 1;
  const orders = 2 + check.draws * inner + kinds.length * (2 + 2 * inner);
  return 2 + paths + orders + kinds.length + (hasPath ? Math.min(OTHER_STEPS, steps) : 0);
}
