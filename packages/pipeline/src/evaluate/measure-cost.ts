/** What a run's main model costs: counted from its own forward pass, and timed on a few volumes without any cache. */
import { ones, scope, zeros } from "@slicestack/torch";
import { traceShapes } from "@slicestack/torch/trace";
import type { TaskVolume } from "../data/task.js";
import type { Dataset } from "../data/store.js";
import { costOf, type Cost } from "../models/common/flops.js";
import { Maps3dHead } from "../models/maps-3d.js";
import { headOf, headSlices, seenSlices, sliceModelOf, trunkOf, volumeModelOf } from "../models/of-config.js";
import {
  classifyEmbeddings,
  embedSlices,
  mapsOfSlices,
  predictVolumes,
  predictVoxels,
  rowsOf,
} from "../models/predict.js";
import { createHeadFor, createVolumeModel } from "../models/registry.js";
import { sliceTransform } from "../models/slice-input.js";
import { volumeTransform } from "../models/volume-input.js";
import type { ComputePlan } from "../run/compute.js";
import { loadBest, loadTrained } from "../run/load-trained.js";
import type { OpenRun } from "../run/open.js";
import { medianOf } from "./statistics/median.js";

export interface ModelPart {
  name: "slice model" | "head" | "3D model";
  parameters: number;
  /** Of one slice, or of one volume. */
  multiplyAdds: number;
  /** How often it runs for a volume. */
  timesAVolume: number;
}

export interface MeasuredCost {
  parts: ModelPart[];
  /** Of the whole model. */
  parameters: number;
  /** Of one volume of the data set's deepest; a multiply-add is two FLOPs. */
  multiplyAdds: number;
  /** Seconds from stored slices to probabilities, one volume at a time: the median of `timed` volumes, after one to warm up. */
  secondsAVolume: number;
  timed: number;
  /** The most memory that this process has held so far, in bytes. */
  peakMemory: number;
  device: string;
  threads: number;
}

const MOST_TIMED = 5;

/** Volumes of a data set that prediction is timed on. */
interface Timed {
  dataset: Dataset;
  volumes: readonly TaskVolume[];
}

export function measureCost(
  opened: OpenRun,
  run: string,
  { dataset, volumes }: Timed,
  compute: ComputePlan,
): MeasuredCost {
  const parts = partsOf(opened);
  const some = { dataset, volumes: volumes.slice(0, MOST_TIMED) };
  const time = opened.config.method === "3d" ? timeVoxels : timeSlices;
  const seconds = scope(() => time(opened, run, some, compute));
  return {
    parts,
    parameters: parts.reduce((sum, { parameters }) => sum + parameters, 0),
    multiplyAdds: parts.reduce((sum, { multiplyAdds, timesAVolume }) => sum + multiplyAdds * timesAVolume, 0),
    secondsAVolume: medianOf(seconds),
    timed: seconds.length,
    peakMemory: process.resourceUsage().maxRSS * 1024,
    device: compute.device,
    threads: compute.threads,
  };
}

function partsOf(opened: OpenRun): ModelPart[] {
  const { config, dataset, task } = opened;
  const classes = task.classes.count;
  if (config.method === "3d") {
    const { size } = volumeTransform(config, dataset, "cpu");
    const cost = costOf(() => {
      const model = createVolumeModel(config.volume, classes, size);
      return { model, logits: (x_B1HWD) => model.forward(x_B1HWD) };
    }, [1, ...size], STEP); // prettier-ignore
    return [partOf("3D model", cost, 1)];
  }
  const transform = sliceTransform(config, dataset, "cpu");
  const trunk = () => trunkOf(opened);
  const shapes = traceShapes(() => {
    using model = trunk();
    const x_1CHW = zeros([1, model.channels, ...transform.size]);
    return { channels: model.channels, embedding: [model.embedding], maps: model.featureMaps(x_1CHW).shape.slice(1) };
  }).result;
  const hasHead = config.method === "2.5d";
  const isMaps = hasHead && config.volume.head === "maps_3d";
  const sliceCost = costOf(() => {
    const model = trunk();
    return { model, logits: (x_BCHW) => (isMaps ? model.featureMaps(x_BCHW).flatten(1) : hasHead ? model.embed(x_BCHW) : model.forward(x_BCHW)) }; // prettier-ignore
  }, [shapes.channels, ...transform.size], STEP); // prettier-ignore
  const slices = headSlices(opened);
  const parts = [partOf("slice model", sliceCost, slices)];
  if (!hasHead) return parts;
  const headCost = costOf(() => {
    using model = trunk();
    const head = createHeadFor(config.volume, model, { slices, classes });
    // maps_3d looks at the values of a mask, which are not there while shapes are traced.
    if (head instanceof Maps3dHead) return { model: head, logits: (x_BS) => head.forward(x_BS).logits_BK };
    return { model: head, logits: (x_BS) => head.forward(x_BS, ones([x_BS.size(0), slices], { dtype: "bool" })).logits_BK }; // prettier-ignore
  }, [slices, ...(isMaps ? shapes.maps : shapes.embedding)], STEP); // prettier-ignore
  return [...parts, partOf("head", headCost, 1)];
}

/** Items of the training step that `costOf` counts beside: batch norm needs two. */
const STEP = 2;

function partOf(name: ModelPart["name"], { parameters, multiplyAdds }: Cost, timesAVolume: number): ModelPart {
  return { name, parameters, multiplyAdds, timesAVolume };
}

function timeVoxels(opened: OpenRun, run: string, { dataset, volumes }: Timed, compute: ComputePlan): number[] {
  const made = volumeModelOf(opened, compute.device, dataset);
  using store = made.store;
  using model = made.model;
  loadBest(opened, run, { stage: "volume", model });
  model.to({ device: compute.device });
  return timed(volumes, (volume) => predictVoxels(model, store, [volume], { ...compute, batch: 1 }));
}

/** Of the model that was trained last: the trunk of fine-tuning where there was one. */
function timeSlices(opened: OpenRun, run: string, { dataset, volumes }: Timed, compute: ComputePlan): number[] {
  const { config } = opened;
  const made = sliceModelOf(opened, compute.device, dataset);
  using store = made.store;
  using trunk = made.model;
  using head = config.method === "2d" ? null : headOf(opened, trunk);
  loadTrained(opened, run, trunk, head);
  trunk.to({ device: compute.device });
  head?.to({ device: compute.device });
  const most = Math.max(headSlices(opened), headSlices(opened, dataset));
  return timed(volumes, (volume) =>
    scope(() => {
      if (head === null)
        return rowsOf(classifyEmbeddings(trunk, embedSlices(trunk, store, store.slicesOf(volume), compute), compute)); // prettier-ignore
      const seen = seenSlices(opened, store, volume);
      const features_N = (config.volume.head === "maps_3d" ? mapsOfSlices : embedSlices)(trunk, store, seen, compute); // prettier-ignore
      const stacked = [{ offset: 0, count: seen.length }];
      return predictVolumes(head, features_N, stacked, most, compute.device).probabilities;
    }),
  );
}

/** Seconds for each volume; the first is done twice, because the first time has things to set up. */
function timed(volumes: readonly TaskVolume[], predict: (volume: TaskVolume) => unknown): number[] {
  const secondsOf = (volume: TaskVolume) => {
    const start = performance.now();
    predict(volume); // ends with numbers on the CPU, so that a GPU has been waited for
    return (performance.now() - start) / 1000;
  };
  for (const volume of volumes.slice(0, 1)) secondsOf(volume);
  return volumes.map(secondsOf);
}
