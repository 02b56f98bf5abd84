/**
 * Computes the input of a model from stored voxels, as in input/, for volumes with any number of slices in one graph.
 * Slices that a store counts in JavaScript are counted by the engine here.
 * B volumes, S axial slices of each, P planes, L = P·S slices, M of them seen, n neighbours, C channels.
 */
import { arange, cat, fromTypedArray, functional as F, where, zeros, type Tensor } from "@slicestack/torch";
import type { StoreDtype } from "../data/store.js";
import { planesOf, type SliceInput, type ValueTransform, type VolumeInput } from "../input/schema.js";
import { windowed } from "../input/values.js";

/** The type of stored voxels in the engine. */
export const engineType = (dtype: StoreDtype) => (dtype === "uint16" ? "int32" : dtype);

/** stored_BSHW → x_NCHW, normalised, N = B·M; volume after volume, axial slices first. */
export function slicesSeen(
  stored_BSHW: Tensor,
  input: SliceInput,
  { sampled, channels }: { sampled: number | null; channels: number },
): Tensor {
  const [, slices = 0] = stored_BSHW.shape;
  const sized_BLHW = inPlanes(stored_BSHW.to({ dtype: "float32" }), input);
  const seen = Math.min(sampled ?? Infinity, slices * planesOf(input));
  const values_BMnHW = withNeighbours(sized_BLHW, seen, slices, input);
  const values_NnHW = values_BMnHW.reshape(-1, input.neighbours, ...input.size);
  const channels_NnHW = input.windows.map((window) =>
    clipped(windowed(values_NnHW, window, input.margin), input),
  );
  return normalised(channels_NnHW.length === 1 ? channels_NnHW[0]! : cat(channels_NnHW, 1), input, channels);
}

const clipped = (wide: Tensor, { margin }: ValueTransform): Tensor =>
  margin === 0 ? wide : wide.clamp(0, 1);

function normalised(unit: Tensor, { mean, std }: ValueTransform, channels: number): Tensor {
  const x = unit.sub(mean).div(std);
  return x.size(1) === channels ? x : x.expand(-1, channels, -1, -1);
}

/** Axial slices, followed by equal numbers of coronal and sagittal ones, at the input size of the model. */
function inPlanes(values_BSHW: Tensor, { planes, size }: SliceInput): Tensor {
  const axial = sized(values_BSHW, size);
  if (planes === "axial") return axial;
  const [coronal, sagittal] = ([2, 3] as const).map((axis) => sized(cut(values_BSHW, axis), size));
  return cat([axial, coronal!, sagittal!], 1);
}

/** As many evenly spaced slices across an axis as there are axial ones; the head is up. */
function cut(values_BSHW: Tensor, axis: 2 | 3): Tensor {
  const [, slices = 0] = values_BSHW.shape;
  const place_S = evenly(slices, values_BSHW.size(axis), slices);
  const chosen = values_BSHW.indexSelect(axis, place_S);
  return (axis === 2 ? chosen.permute(0, 2, 1, 3) : chosen.permute(0, 3, 1, 2)).flip(2);
}

/** floor((k + 0.5) · length / count) for k < count, in the arithmetic of JavaScript. */
function evenly(count: number, length: number, divisor: number): Tensor {
  const middle = arange(0, count, 1, { dtype: "float64" }).add(0.5);
  return middle.mul(length).div(divisor).floor().to({ dtype: "int64" });
}

function sized(values_BSHW: Tensor, [height, width]: SliceInput["size"]): Tensor {
  if (values_BSHW.size(2) === height && values_BSHW.size(3) === width) return values_BSHW;
  return F.interpolate(values_BSHW, [height, width], { mode: "bilinear", antialias: true });
}

/** The slices seen by the model, each with its neighbours in its plane; at the ends, the last slice is repeated. */
function withNeighbours(
  sized_BLHW: Tensor,
  seen: number,
  slices: number,
  { neighbours, planes }: SliceInput,
): Tensor {
  const all = sized_BLHW.size(1);
  const place_M = evenly(seen, all, seen);
  const row_M = planes === "axial" ? place_M : place_M.remainder(slices);
  const reach = (neighbours - 1) / 2;
  const offset_1n = fromTypedArray(
    BigInt64Array.from({ length: neighbours }, (_, k) => BigInt(k - reach)),
    [1, neighbours],
  );
  const around_Mn = row_M
    .unsqueeze(1)
    .add(offset_1n)
    .clamp(0, slices - 1);
  const index_Mn = around_Mn.add(place_M.sub(row_M).unsqueeze(1));
  return sized_BLHW.indexSelect(1, index_Mn.flatten());
}

/** stored_BSHW → x_B1HWD, normalised. */
export function volumesSeen(stored_BSHW: Tensor, input: VolumeInput): Tensor {
  const wide_BSHW = windowed(stored_BSHW.to({ dtype: "float32" }), input.windows[0]!, input.margin);
  const wide_B1HWD = wide_BSHW.permute(0, 2, 3, 1).unsqueeze(1);
  return normalised(clipped(atSize(wide_B1HWD, input), input), input, 1);
}

function atSize(x_B1HWD: Tensor, { size, fit, air }: VolumeInput): Tensor {
  if (fit === "resize") return F.interpolate(x_B1HWD, [...size], { mode: "trilinear" });
  return size.reduce((x, length, axis) => centred(x, axis + 2, length, air as number), x_B1HWD);
}

/** Crops or pads with air to `length` along an axis, keeping the centre. */
function centred(x: Tensor, axis: number, length: number, air: number): Tensor {
  const before = x.size(axis);
  const excess_1 = zeros([1], { dtype: "float64" }).add(before - length);
  const start_1 = excess_1.abs().div(2).floor().mul(excess_1.sign());
  const place = arange(0, length, 1, { dtype: "float64" }).add(start_1);
  const isThere = place.ge(0).logicalAnd(place.le(before - 1));
  const values = x.indexSelect(axis, place.clamp(0, before - 1).to({ dtype: "int64" }));
  const shape = Array.from({ length: x.dim }, (_, k) => (k === axis ? length : 1));
  return where(isThere.reshape(...shape), values, zeros([1]).add(air));
}
