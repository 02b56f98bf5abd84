/** The job of `explain`: the maps and numbers of each volume, sent one by one. */
import { manualSeed } from "@slicestack/torch";
import { stopIfAsked, type JobContext } from "../engine/job.js";
import type { RunConfig } from "../config/types.js";
import { openDataset } from "../data/store.js";
import type { TaskVolume } from "../data/task.js";
import { datasetSource } from "../input/source.js";
import { openModel, type LoadStage } from "../predict/open-model.js";
import { Owned } from "../predict/owned-resources.js";
import { planCompute, startCompute } from "../run/compute.js";
import { loaderOf } from "../trained/member-weights.js";
import type { TrainedMember } from "../trained/trained-model.js";
import { explainByModels, type ExplainedModel } from "./ensemble.js";
import { functionOfModel } from "./function-of-model.js";
import { OTHER_STEPS, type MapKind, type StoredMaps, type SubjectExplained } from "./subject.js";
import type { BaselineKind } from "./volume-function.js";

export interface ExplainJob {
  /** One, or several whose maps are averaged. */
  models: TrainedMember[];
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
  const compute = planCompute(input.compute);
  startCompute(compute, seed);
  const owned = new Owned();
  try {
    const models = input.models.map((member) => openExplained(member, input, compute.device, owned));
    explainAll(models, input, context);
    return outcomeOf(models);
  } finally {
    owned.end();
  }
}

/** The function of a model, and for the checks that of the same model with random weights. */
function openExplained(
  member: TrainedMember,
  { data, layer, check }: ExplainJob,
  device: string,
  owned: Owned,
): ExplainedModel {
  const { spec } = member;
  const functionOf = (load: LoadStage | null) => {
    const model = owned.use(openModel(spec, load, device));
    return owned.use(functionOfModel(model, datasetSource(openDataset(data)), device)).function;
  };
  const trained = functionOf(loaderOf(member));
  const target = trained.layer(layer);
  if (check === null) return { function: trained, layer: target, check };
  manualSeed(OTHER_SEED);
  const other = functionOf(null);
  return {
    function: trained,
    layer: target,
    check: { ...check, other: { model: other, layer: other.layer(layer) } },
  };
}

function explainAll(models: readonly ExplainedModel[], input: ExplainJob, context: JobContext): void {
  const each = models.length * partsOf(input);
  const total = input.volumes.length * each;
  let done = 0;
  input.volumes.forEach((volume, k) => {
    const { id } = volume;
    const onPart = () => {
      stopIfAsked(context);
      context.report({
        stage: "explain",
        done: Math.min(++done, (k + 1) * each),
        total,
        unit: "passes",
        message: id,
      });
    };
    const { explained, maps } = explainByModels(models, volume, { ...input, onPart });
    done = (k + 1) * each;
    context.event({ volume, explained, maps } satisfies ExplainEvent);
  });
}

function outcomeOf(models: readonly ExplainedModel[]): ExplainOutcome {
  const list = (texts: readonly string[]) => [...new Set(texts)].join("; ");
  const explained = list(models.map((model) => model.function.explained));
  const layer = list(models.map((model) => model.layer.name));
  if (models.length === 1) return { explained, layer };
  return { explained: `the mean of ${models.length} models, each by its map (${explained})`, layer };
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
