/** The cost of a run's main model: counted in its forward pass, and timed on a few volumes without any cache. */
import { ones, scope, zeros, type Tensor } from "@slicestack/torch";
import { traceShapes } from "@slicestack/torch/trace";
import { medianOf } from "@slicestack/stats";
import type { TaskVolume } from "../data/task.js";
import { costOf, type Cost } from "../models/common/flops.js";
import { componentOf } from "../models/component.js";
import { createModel, createTrunk } from "../models/create-model.js";
import { seenOf, type ModelSpec, type SliceSpec, type StackSpec } from "../models/spec.js";
import type { Predictor } from "../predict/prediction.js";
import type { ComputePlan } from "../run/compute.js";

export interface ModelPart {
  name: "slice model" | "head" | "3D model";
  parameters: number;
  /** Of one slice, or of one volume. */
  multiplyAdds: number;
  /** How often it runs per volume. */
  timesAVolume: number;
}

export interface MeasuredCost {
  parts: ModelPart[];
  /** Of the complete model. */
  parameters: number;
  /** For the deepest volume of the data set; a multiply-add is two FLOPs. */
  multiplyAdds: number;
  /** Seconds from stored slices to probabilities, one volume at a time: the median of `timed` volumes, after a warm-up. */
  secondsAVolume: number;
  timed: number;
  /** Peak memory of this process so far, in bytes. */
  peakMemory: number;
  device: string;
  threads: number;
}

const MOST_TIMED = 5;

/** @param volumes of which the first ones are timed */
export function measureCost(
  spec: ModelSpec,
  predictor: Predictor,
  volumes: readonly TaskVolume[],
  compute: ComputePlan,
): MeasuredCost {
  const parts = partsOf(spec);
  const seconds = scope(() => timed(predictor, volumes.slice(0, MOST_TIMED)));
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

/** Counted from the model's contract; no weights are needed. */
function partsOf(spec: ModelSpec): ModelPart[] {
  if (spec.method === "3d") {
    const counted = () => {
      const { network: model } = createModel(spec);
      return { model, logits: (x_B1HWD: Tensor) => model.forward(x_B1HWD) };
    };
    return [partOf("3D model", costOf(counted, [1, ...spec.input.size], STEP), 1)];
  }
  const [, deepest] = spec.prepared.depths;
  const slices = spec.method === "2.5d" ? spec.head.slices : seenOf(deepest, null, spec.input);
  const shapes = shapesOf(spec);
  const trunk = partOf("slice model", costOfTrunk(spec, shapes), slices);
  return spec.method === "2.5d" ? [trunk, partOf("head", costOfHead(spec, shapes), 1)] : [trunk];
}

/** Cost of one slice, up to the classes in 2D, otherwise up to the input of the head. */
function costOfTrunk(spec: SliceSpec | StackSpec, { channels }: TrunkShapes): Cost {
  const counted = () => {
    const model = createTrunk(spec);
    const logits = (x_BCHW: Tensor) => {
      if (spec.method === "2d") return model.forward(x_BCHW);
      return componentOf("head", spec.head.name).sees === "maps"
        ? model.featureMaps(x_BCHW).flatten(1)
        : model.embed(x_BCHW);
    };
    return { model, logits };
  };
  return costOf(counted, [channels, ...spec.input.size], STEP);
}

function costOfHead(spec: StackSpec, { embedding, maps }: TrunkShapes): Cost {
  const { slices, name } = spec.head;
  const counted = () => {
    const { trunk, head: model } = createModel(spec);
    trunk[Symbol.dispose]();
    const logits = (x_BS: Tensor) => {
      // Heads on maps need the values of a mask, which do not exist while shapes are traced.
      if (model.sees === "maps") return model.forward(x_BS, null).logits_BK;
      return model.forward(x_BS, ones([x_BS.size(0), slices], { dtype: "bool" })).logits_BK;
    };
    return { model, logits };
  };
  return costOf(counted, [slices, ...(componentOf("head", name).sees === "maps" ? maps : embedding)], STEP);
}

/** Shapes of the trunk's input and outputs for one slice. */
interface TrunkShapes {
  channels: number;
  embedding: number[];
  maps: number[];
}

function shapesOf(spec: SliceSpec | StackSpec): TrunkShapes {
  return traceShapes(() => {
    using trunk = createTrunk(spec);
    const x_1CHW = zeros([1, trunk.channels, ...spec.input.size]);
    return {
      channels: trunk.channels,
      embedding: [trunk.embedding],
      maps: trunk.featureMaps(x_1CHW).shape.slice(1),
    };
  }).result;
}

/** Number of items in the training step that `costOf` also counts: batch norm needs two. */
const STEP = 2;

function partOf(
  name: ModelPart["name"],
  { parameters, multiplyAdds }: Cost,
  timesAVolume: number,
): ModelPart {
  return { name, parameters, multiplyAdds, timesAVolume };
}

/** Seconds for each volume. The first volume is run twice, because the first run includes set-up. */
function timed(predictor: Predictor, volumes: readonly TaskVolume[]): number[] {
  const secondsOf = (volume: TaskVolume) => {
    const start = performance.now();
    predictor.decide(volume); // returns numbers on the CPU, so it waits for a GPU
    return (performance.now() - start) / 1000;
  };
  for (const volume of volumes.slice(0, 1)) secondsOf(volume);
  return volumes.map(secondsOf);
}
