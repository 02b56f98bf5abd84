/** Explains one volume: prediction, maps, contribution of each slice, and checks of the maps. Needs libtorch. */
import { fromTypedArray, scope, type Tensor } from "@slicestack/torch";
import { Random, rankCorrelation } from "@slicestack/stats/internal/applied";
import type { TaskVolume } from "../data/task.js";
import { cellMeans, cellOfPixels, cellsOf, type Cells } from "./blocks.js";
import { checkOrder, randomCurves, type OrderCheck } from "./deletion.js";
import { gradCam } from "./grad-cam.js";
import { integratedGradients, type Integrated } from "./integrated-gradients.js";
import type { TargetLayer } from "./layers.js";
import { probabilityOf } from "./log-odds.js";
import type { BaselineKind, PlanePlace, VolumeFunction } from "./volume-function.js";

export const MAP_KINDS = ["gradcam", "ig"] as const;
export type MapKind = (typeof MAP_KINDS)[number];

/** The contribution of one slice of the model's input. */
export interface SliceShare {
  /** Index of the axial slice in the prepared volume, from 0, fractional after resizing; null: coronal or sagittal. */
  place: PlanePlace;
  /** Weight by the head: attention, a fraction of the mean …; null if the head has no such weights. */
  weight: number | null;
  /** Log-odds with the slice minus without it: above 0 is evidence for the class. Null if it cannot be left out. */
  leftOut: number | null;
  /** Log-odds with the slice minus with air in its place. */
  air: number;
  /** Sum of the integrated gradients in the slice. */
  ig: number | null;
  /** Mean of Grad-CAM over the slice. */
  gradcam: number | null;
}

export interface MapCheck extends OrderCheck {
  /** Rank correlation of the cells with the map of a model with random weights; null if one of the maps is flat. */
  randomised: number | null;
}

export interface SubjectExplained {
  id: string;
  subject: string;
  label: number;
  predicted: number;
  /** The explained class. */
  target: number;
  probabilities: number[];
  /** Log-odds of the target. */
  score: number;
  slices: SliceShare[];
  /** Null if integrated gradients were not requested; of several models, each has one. */
  completeness: Omit<Integrated, "attribution"> | null;
  checks: Partial<Record<MapKind, MapCheck>>;
  /** Of each model, where several are explained together: `slices` are then their mean, and `checks` are empty. */
  models?: SubjectExplained[];
}

/** One map on the grid of the stored volume, S x H x W. */
export type StoredMaps = Partial<Record<MapKind, Float32Array>>;

export interface SubjectOptions {
  kinds: readonly MapKind[];
  /** null: the class that the model predicts. */
  target: number | null;
  layer: TargetLayer;
  baseline: BaselineKind;
  steps: number;
  check: CheckOptions | null;
  seed: number;
  /** Called after each part, to report progress and to stop. */
  onPart: () => void;
}

export interface CheckOptions {
  steps: number;
  draws: number;
  /** The same model with random weights, and its layer. */
  other: { model: VolumeFunction; layer: TargetLayer };
}

/** One map in the space of the model's input. */
interface ComputedMap {
  /** P x H x W */
  planes_PHW: Tensor;
  stored_SHW: Float32Array;
}

export function explainVolume(
  model: VolumeFunction,
  volume: TaskVolume,
  options: SubjectOptions,
): { explained: SubjectExplained; maps: StoredMaps } {
  return scope(() => {
    const { kinds, onPart } = options;
    const unit = model.input(volume);
    const { probabilities_K, sliceWeights } = model.predict(unit);
    const predicted = probabilities_K.indexOf(Math.max(...probabilities_K));
    const target = options.target ?? predicted;
    const baseline = model.baseline(unit, options.baseline);
    const maps: Partial<Record<MapKind, ComputedMap>> = {};
    if (kinds.includes("gradcam")) maps.gradcam = camOf(model, volume, unit, target, options.layer);
    onPart();
    let integrated: Integrated | null = null;
    if (kinds.includes("ig")) {
      integrated = integratedGradients(model, unit, baseline, target, {
        steps: options.steps,
        onStep: onPart,
      });
      const { attribution } = integrated;
      maps.ig = {
        planes_PHW: model.planes(attribution),
        stored_SHW: floats(model.storedValues(volume, attribution)),
      };
    }
    const score = model.score(unit, target);
    const slices = sharesOf(model, volume, unit, { target, score, sliceWeights, maps });
    onPart();
    const checks =
      options.check === null ? {} : checksOf(model, volume, maps, { unit, baseline, target, options });
    const { id, subject, label } = volume;
    const completeness =
      integrated === null
        ? null
        : {
            score: integrated.score,
            baselineScore: integrated.baselineScore,
            sum: integrated.sum,
            gap: integrated.gap,
          };
    const explained = {
      id,
      subject,
      label,
      predicted,
      target,
      probabilities: probabilities_K,
      score,
      slices,
      completeness,
      checks,
    };
    return {
      explained,
      maps: Object.fromEntries(Object.entries(maps).map(([kind, map]) => [kind, map.stored_SHW])),
    };
  });
}

function camOf(
  model: VolumeFunction,
  volume: TaskVolume,
  unit: Tensor,
  target: number,
  layer: TargetLayer,
): ComputedMap {
  const planes_PHW = gradCam(model, unit, target, layer);
  return { planes_PHW, stored_SHW: floats(model.storedMap(volume, planes_PHW)) };
}

const floats = (tensor: Tensor): Float32Array =>
  tensor.to({ dtype: "float32" }).toTypedArray() as Float32Array;

interface ShareContext {
  target: number;
  score: number;
  sliceWeights: number[] | null;
  maps: Partial<Record<MapKind, ComputedMap>>;
}

function sharesOf(
  model: VolumeFunction,
  volume: TaskVolume,
  unit: Tensor,
  known: ShareContext,
): SliceShare[] {
  const { target, score, sliceWeights, maps } = known;
  const { leftOut, air } = model.occluded(unit, target);
  const ofPlanes = (map: ComputedMap | undefined, how: "sum" | "mean") =>
    map === undefined ? null : scope(() => map.planes_PHW[how]([1, 2]).toArray());
  const [ig, gradcam] = [ofPlanes(maps.ig, "sum"), ofPlanes(maps.gradcam, "mean")];
  return model.places(volume).map((place, k) => ({
    place,
    weight: sliceWeights?.[k] ?? null,
    leftOut: leftOut === null ? null : score - leftOut[k]!,
    air: score - air[k]!,
    ig: ig?.[k] ?? null,
    gradcam: gradcam?.[k] ?? null,
  }));
}

interface CheckContext {
  unit: Tensor;
  baseline: Tensor;
  target: number;
  options: SubjectOptions;
}

/** Cells whose deletion changes less than this fraction of the window are left out: deleting air has no effect. */
const CHANGED = 0.02;
/** Points of the path for the map of random weights, whose completeness does not matter. */
export const OTHER_STEPS = 8;

/** Checks all maps of one volume against the same random orders. */
function checksOf(
  model: VolumeFunction,
  volume: TaskVolume,
  maps: Partial<Record<MapKind, ComputedMap>>,
  context: CheckContext,
): SubjectExplained["checks"] {
  const { unit, baseline, target, options } = context;
  const { steps, draws, other } = options.check!;
  const changes_PHW = model.planes(unit.sub(baseline).abs());
  const cells = cellsOf(changes_PHW.shape as [number, number, number]);
  const cellOf = cellOfPixels(cells);
  const meansOf = (planes_PHW: Tensor) => cellMeans(floats(planes_PHW), cells, cellOf);
  const changed = meansOf(changes_PHW);
  const counted = Array.from(changed.keys()).filter((k) => changed[k]! > CHANGED);
  const probability = (kept: ReadonlySet<number>) => {
    options.onPart();
    return scope(() =>
      probabilityOf(model.score(withCells(model, unit, baseline, cells, cellOf, counted, kept), target)),
    );
  };
  const deletable = { cells: counted, probability, steps };
  const random = new Random(options.seed).fork(`order ${volume.id}`);
  const chance = randomCurves(deletable, draws, random);
  const checks: SubjectExplained["checks"] = {};
  for (const kind of options.kinds) {
    const values = pick(meansOf(maps[kind]!.planes_PHW), counted);
    const order = checkOrder(deletable, values, chance, random.fork(kind));
    const randomised = pick(
      scope(() => meansOf(otherMap(other, kind, context))),
      counted,
    );
    options.onPart();
    checks[kind] = { ...order, randomised: rankCorrelation(values, randomised) };
  }
  return checks;
}

const pick = (values: Float64Array, places: readonly number[]): Float64Array =>
  Float64Array.from(places, (k) => values[k]!);

/** The input with the baseline in all counted cells that are not kept. */
function withCells(
  model: VolumeFunction,
  unit: Tensor,
  baseline: Tensor,
  { shape }: Cells,
  cellOf: Int32Array,
  counted: readonly number[],
  kept: ReadonlySet<number>,
): Tensor {
  const deleted = new Set(counted.filter((cell) => !kept.has(cell)));
  const mask = Float32Array.from(cellOf, (cell) => (deleted.has(cell) ? 0 : 1));
  const keep = model.spread(fromTypedArray(mask, [...shape], { device: unit.device }));
  return baseline.add(unit.sub(baseline).mul(keep));
}

function otherMap({ model, layer }: CheckOptions["other"], kind: MapKind, context: CheckContext): Tensor {
  const { unit, baseline, target, options } = context;
  if (kind === "gradcam") return gradCam(model, unit, target, layer);
  const steps = Math.min(OTHER_STEPS, options.steps);
  return model.planes(
    integratedGradients(model, unit, baseline, target, { steps, onStep: options.onPart }).attribution,
  );
}
