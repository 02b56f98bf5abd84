/** The worker thread of `evaluate`: what the best models of a run say about val and test. */
import { scope } from "@slicestack/torch";
import { serveJob, type JobContext } from "../background.js";
import { allTaskVolumes, type TaskVolume } from "../data/task.js";
import { openDataset, type Dataset } from "../data/store.js";
import { volumeEmbeddings } from "../models/embeddings.js";
import { loadWeights } from "../models/load.js";
import { classifyEmbeddings, predictVolumes, rowsOf } from "../models/predict.js";
import { createHead, createSliceModel } from "../models/registry.js";
import { SliceStore, sliceTransform } from "../models/slice-input.js";
import { planCompute, startCompute } from "../run/compute.js";
import { RunError, runPaths } from "../run/folder.js";
import { openRun, type OpenRun } from "../run/open.js";
import { predictionKeys, type Predictions } from "./predictions.js";
import { meanVote } from "./votes/rules.js";

export interface PredictJob {
  run: string;
  /** Another data set whose volumes are all test; null = the run's own test part. */
  other: string | null;
}

export interface SliceEvidence {
  id: string;
  /** Share of each slice in the decision, slice order; null where the head has no such notion. */
  weights: number[] | null;
}

export interface PredictOutcome {
  predictions: Predictions[];
  evidence: SliceEvidence[];
}

function predict({ run, other }: PredictJob, job: JobContext): PredictOutcome {
  const opened = openRun(run);
  const compute = planCompute(opened.config);
  startCompute(compute, opened.config.seed);
  const external = other === null ? undefined : openDataset(other);
  const outcome: PredictOutcome = { predictions: [], evidence: [] };
  const parts = [
    { part: "val" as const, dataset: opened.dataset, volumes: opened.task.parts.val },
    { part: "test" as const, ...testPart(opened, external) },
  ];
  const total = parts.reduce((sum, { volumes }) => sum + volumes.length, 0);
  let done = 0;
  for (const { part, dataset, volumes } of parts) {
    const found = predictPart(opened, run, dataset, volumes, compute);
    const { votes, heads, weights } = found;
    const facts = { part, ...predictionKeys(volumes) };
    outcome.predictions.push({ model: "2d_vote", ...facts, probabilities: votes });
    outcome.predictions.push({ model: "2.5d", ...facts, probabilities: heads });
    if (part === "test") outcome.evidence = volumes.map(({ id }, k) => ({ id, weights: weights?.[k] ?? null }));
    done += volumes.length;
    job.report({ stage: "predict", done, total, unit: "volumes", message: part });
  }
  return outcome;
}

function testPart(
  { config, dataset, task }: OpenRun,
  external: Dataset | undefined,
): { dataset: Dataset; volumes: TaskVolume[] } {
  if (external === undefined) return { dataset, volumes: task.parts.test };
  return { dataset: external, volumes: allTaskVolumes(config, external) };
}

function predictPart(
  opened: OpenRun,
  run: string,
  dataset: Dataset,
  volumes: readonly TaskVolume[],
  compute: ReturnType<typeof planCompute>,
) {
  const { config, task } = opened;
  // The window and the size of training hold for other data too, whatever range they name.
  const transform = sliceTransform(config, opened.dataset, compute.device);
  const slices = Math.max(...opened.dataset.volumes.map(({ count }) => count));
  const deepest = Math.max(...volumes.map(({ count }) => count));
  if (config.volume.head === "flatten" && volumes.some(({ count }) => count !== slices)) {
    throw new RunError(
      run,
      `has a flatten head for ${slices} slices, ${dataset.directory} has up to ${deepest}`,
      `Prepare it with --depth ${slices}.`,
    );
  }
  return scope(() => {
    using store = new SliceStore(dataset, transform);
    using model = createSliceModel(config.slice, task.classes.count, transform.size);
    const { hash } = loadWeights(model, runPaths(run).best("slice"));
    model.to({ device: compute.device });
    const source = { model, weightsHash: hash, store, datasetHash: dataset.info.hash };
    const embeddings = volumeEmbeddings(source, volumes, compute);
    const rows = rowsOf(classifyEmbeddings(model, embeddings.embedding_NE, compute));
    const votes = embeddings.volumes.map(({ offset, count }) => meanVote(rows.slice(offset, offset + count)));
    using head = createHead(config.volume, { embedding: model.embedding, slices, classes: task.classes.count });
    loadWeights(head, runPaths(run).best("volume"));
    head.to({ device: compute.device });
    const { probabilities, sliceWeights } = predictVolumes(
      head,
      embeddings.embedding_NE,
      embeddings.volumes,
      Math.max(slices, deepest),
    );
    return { votes, heads: probabilities, weights: sliceWeights };
  });
}

serveJob<PredictJob, PredictOutcome>(predict);
