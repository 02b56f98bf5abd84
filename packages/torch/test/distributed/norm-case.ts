/** One batch-norm layer on a shard of a batch: what ranks compute, and what one process computes of the whole. */
import { noGrad, tensor, type DType, type Tensor } from "../../src/index.js";
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm } from "../../src/nn/index.js";

export interface NormCase {
  /** Rows of the batch on each rank. */
  rows: number[];
  channels: number;
  /** Sizes after the channels. */
  rest: number[];
  dtype: DType;
  affine: boolean;
  channelsLast: boolean;
  training: boolean;
}

export interface NormResult {
  y: number[];
  dx: number[];
  dweight: number[] | null;
  dbias: number[] | null;
  mean: number[];
  variance: number[];
}

const layers = { 0: BatchNorm1d, 1: BatchNorm1d, 2: BatchNorm2d, 3: BatchNorm3d };

/** Values first .. first + rows of the whole batch, by a formula of their place. */
function part({ channels, rest, dtype }: NormCase, first: number, rows: number, shift: number): Tensor {
  const row = channels * rest.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: rows * row }, (_, k) => {
    const at = first * row + k;
    return Math.sin(at * 0.7 + shift) * (1 + (at % 5)) + (shift === 0 ? 3 : 0);
  });
  return rows === 0
    ? tensor([0], { dtype })
        .narrow(0, 0, 0)
        .reshape(0, channels, ...rest)
    : tensor(values, { dtype }).reshape(rows, channels, ...rest);
}

function run(norm: NormCase, first: number, rows: number, sync: boolean): NormResult {
  const { channels, rest, affine, dtype, channelsLast, training } = norm;
  const Layer = layers[rest.length as keyof typeof layers];
  const plain = new Layer(channels, { affine });
  const layer = (sync ? SyncBatchNorm.from(plain) : plain).to({ dtype }).train(training);
  noGrad(() => {
    layer.weight?.copy_(tensor(Array.from({ length: channels }, (_, c) => 0.5 + c)));
    layer.bias?.copy_(tensor(Array.from({ length: channels }, (_, c) => c - 0.5)));
    layer.running_var?.fill_(2);
  });
  const laidOut = (x: Tensor) => (channelsLast ? x.to({ memoryFormat: "channels_last" }) : x);
  const x = laidOut(part(norm, first, rows, 0)).requiresGrad_();
  const y = layer.forward(x);
  y.backward({ gradient: laidOut(part(norm, first, rows, 1)) });
  const result = {
    y: y.toArray(),
    dx: x.grad?.toArray() ?? [],
    dweight: layer.weight?.grad?.toArray() ?? null,
    dbias: layer.bias?.grad?.toArray() ?? null,
    mean: layer.running_mean?.toArray() ?? [],
    variance: layer.running_var?.toArray() ?? [],
  };
  layer.dispose();
  return result;
}

export function normaliseShard(norm: NormCase, rank: number): NormResult {
  const first = norm.rows.slice(0, rank).reduce((a, b) => a + b, 0);
  return run(norm, first, norm.rows[rank] ?? 0, true);
}

/** The reference: BatchNorm over the concatenated batch. */
export function normaliseWhole(norm: NormCase): NormResult {
  return run(
    norm,
    0,
    norm.rows.reduce((a, b) => a + b, 0),
    false,
  );
}
