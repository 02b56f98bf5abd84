/** One step of training on models of the product: what each rank computes of it, and what one process computes alone. */
import { functional as F, manualSeed, tensor, type DType, type Tensor } from "@slicestack/torch";
import { convertSyncBatchNorm, type Module } from "@slicestack/torch/nn";
import { createHead, createSliceModel } from "../../src/models/create-by-name.js";
import { averageOverRanks, meanOverRanks, shardBatch, shareModel } from "../../src/train/distributed.js";

export const cases = ["attention head", "slice_cnn with SyncBatchNorm", "slice_cnn"] as const;
export type CaseName = (typeof cases)[number];

export interface StepCase {
  name: CaseName;
  dtype: "float64" | "float32";
  /** Items of the batch. */
  items: number;
}

const [size, classes, slices, embedding] = [16, 3, 4, 6];

/** A number of item k, by a formula. */
const value = (k: number, place: number) => Math.sin(k * 1.7 + place * 0.31) + (k % 3) * 0.2;

function inputOf(items: readonly number[], shape: number[], dtype: DType): Tensor {
  const count = shape.reduce((a, b) => a * b);
  const values = items.flatMap((k) => Array.from({ length: count }, (_, place) => value(k, place)));
  if (items.length === 0)
    return tensor([0], { dtype })
      .narrow(0, 0, 0)
      .reshape(0, ...shape);
  return tensor(values, { dtype }).reshape(items.length, ...shape);
}

interface Subject {
  model: Module;
  logits: (items: readonly number[]) => Tensor;
}

function subjectOf({ name, dtype }: StepCase): Subject {
  if (name === "attention head") {
    const head = createHead({ model: "attention", dropout: 0 }, { embedding, slices, classes }).to({ dtype });
    const mask = (n: number) =>
      tensor(
        Array.from({ length: n * slices }, (_, k) => Number(k % slices < 3)),
        { dtype: "bool" },
      ).reshape(n, slices);
    return {
      model: head,
      logits: (items) =>
        head.forward(inputOf(items, [slices, embedding], dtype), mask(items.length)).logits_BK,
    };
  }
  const model = createSliceModel({ model: "slice_cnn", dropout: 0 }, classes, [size, size]).to({ dtype });
  if (name === "slice_cnn with SyncBatchNorm") convertSyncBatchNorm(model);
  return { model, logits: (items) => model.forward(inputOf(items, [1, size, size], dtype)) };
}

/** Loss and gradients of the batch, computed on `ranks` ranks of which this is `rank`, as train/distributed.ts says. */
export function step(stepCase: StepCase, rank: number, ranks: number): { model: Module; loss: number } {
  manualSeed(rank + 1); // a rank that shareModel passed over would show
  const { model, logits } = subjectOf(stepCase);
  shareModel(model);
  const batch = Array.from({ length: stepCase.items }, (_, k) => k);
  const { items, lossScale } = shardBatch(batch, rank, ranks);
  const logits_BK = logits(items);
  const target_B = tensor(items.length === 0 ? [0] : items.map((k) => k % classes), {
    dtype: "int64",
  }).narrow(0, 0, items.length);
  const loss = items.length === 0 ? logits_BK.sum().mul(0) : F.crossEntropy(logits_BK, target_B);
  loss.mul(lossScale).backward();
  averageOverRanks(model);
  return { model, loss: meanOverRanks(loss.item(), items.length) };
}
