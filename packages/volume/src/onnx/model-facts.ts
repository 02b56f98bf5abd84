/** What a graph says of itself: the metadata that docs/reference/onnx.md lists, checked. */
import type { FamiliarScans } from "../prepare/familiarity.js";
import type { PreparedInput } from "../prepare/recipe.js";
import { OnnxModelError } from "./error.js";

/** A threshold that was chosen on the validation set, for the uncalibrated probability of the second class. */
export interface GraphThreshold {
  rule: { readonly kind: string; readonly [option: string]: unknown };
  threshold: number;
}

/** What prediction sets take; `predictionSet` of @slicestack/stats applies it. */
export interface GraphSets {
  miss: number;
  score: "lac" | "aps";
  byClass: boolean;
  quantile_C: readonly (number | null)[];
  subjects_C: readonly number[];
}

export interface GraphFacts {
  name: string;
  method: "2d" | "2.5d" | "3d";
  /** Class names in the order of the probabilities. */
  classes: string[];
  input: PreparedInput;
  /** Planes whose slices the model sees, and at most how many slices of a volume; null = all. null for 3D models. */
  seen: { planes: 1 | 3; sampled: number | null } | null;
  /** Slices that a volume may have: `any`, a number, or a range such as `1..2048`. */
  slices: string;
  /** What an evaluation fitted for these weights; empty without one. */
  thresholds: readonly GraphThreshold[];
  /** null if none was fitted. */
  sets: GraphSets | null;
  /** What scans are compared with; null without an evaluation, and in graphs of earlier versions. */
  familiar: FamiliarScans | null;
  /** Hash of the contract and the weights, as in the results of `slicestack predict`. */
  sha256: string;
  licence: string;
  /** Research use only. */
  use: string;
}

/** @throws OnnxModelError if the graph is another program's, a part of a model, or of another version */
export function graphFacts(metadata: ReadonlyMap<string, string>): GraphFacts {
  const part = metadata.get("slicestack.part");
  if (part === undefined)
    throw new OnnxModelError(
      "The file has no metadata of Slicestack",
      "Give a graph that slicestack export --to onnx wrote.",
    );
  if (part !== "whole")
    throw new OnnxModelError(
      `The graph is the ${part} of a model`,
      "Export the whole model, without --part.",
    );
  const input = inputOf(json(metadata, "slicestack.input"));
  const classes = json(metadata, "slicestack.classes");
  const method = metadata.get("slicestack.method");
  if (!isTexts(classes) || classes.length < 2) throw another("slicestack.classes");
  if (method !== "2d" && method !== "2.5d" && method !== "3d") throw another("slicestack.method");
  return {
    name: metadata.get("slicestack.name") ?? "",
    method,
    classes,
    input,
    seen: seenOf(json(metadata, "slicestack.seen")),
    slices: metadata.get("slicestack.slices") ?? "any",
    thresholds: thresholdsOf(json(metadata, "slicestack.thresholds")),
    sets: setsOf(json(metadata, "slicestack.sets")),
    familiar: familiarOf(json(metadata, "slicestack.familiar")),
    sha256: metadata.get("slicestack.model_sha256") ?? "",
    licence: metadata.get("slicestack.licence") ?? "not stated",
    use: metadata.get("slicestack.use") ?? "",
  };
}

const another = (key: string): OnnxModelError =>
  new OnnxModelError(
    `The metadata ${key} is not as this version expects it`,
    "Export the graph again with the version of Slicestack that reads it.",
  );

/** The value of a key; null if it is missing. */
function json(metadata: ReadonlyMap<string, string>, key: string): unknown {
  const text = metadata.get(key);
  if (text === undefined) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw another(key);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

const DTYPES = ["int16", "uint8", "uint16", "float32"] as const;
const UNITS = ["HU", "arbitrary"] as const;
const CROPS = ["none", "lung", "body", "mask"];

function inputOf(value: unknown): PreparedInput {
  const { height, width, recipe } = isRecord(value) ? value : {};
  const dtype = DTYPES.find((one) => isRecord(value) && value["dtype"] === one);
  const unit = UNITS.find((one) => isRecord(value) && value["unit"] === one);
  const isWhole = isCount(height) && isCount(width) && dtype !== undefined && unit !== undefined;
  if (!isWhole || !isRecord(recipe) || !isRecipe(recipe)) throw another("slicestack.input");
  return { height, width, dtype, unit, recipe };
}

function isRecipe({ size, depth, crop }: Record<string, unknown>): boolean {
  const isSize = size === "native" || (Array.isArray(size) && size.length === 2 && size.every(isCount));
  return isSize && (depth === "native" || isCount(depth)) && CROPS.includes(String(crop));
}

function seenOf(value: unknown): GraphFacts["seen"] {
  if (value === null) return null;
  const { planes, sampled } = isRecord(value) ? value : {};
  if ((planes !== 1 && planes !== 3) || !(sampled === null || isCount(sampled)))
    throw another("slicestack.seen");
  return { planes, sampled };
}

function thresholdsOf(value: unknown): GraphThreshold[] {
  if (value === null) return [];
  const isThreshold = (one: unknown): one is GraphThreshold =>
    isRecord(one) && typeof one["threshold"] === "number" && isRecord(one["rule"]) && "kind" in one["rule"];
  if (Array.isArray(value) && value.every(isThreshold)) return value;
  throw another("slicestack.thresholds");
}

function setsOf(value: unknown): GraphSets | null {
  if (value === null) return null;
  const { miss, score, byClass, quantile_C, subjects_C } = isRecord(value) ? value : {};
  const isRule =
    typeof miss === "number" && (score === "lac" || score === "aps") && typeof byClass === "boolean";
  const isNumbers = (row: unknown): row is number[] =>
    Array.isArray(row) && row.every((one) => typeof one === "number");
  if (!isRule || !Array.isArray(quantile_C) || !isNumbers(subjects_C)) throw another("slicestack.sets");
  const quantiles = quantile_C.map((one: unknown) => {
    if (one === null || typeof one === "number") return one;
    throw another("slicestack.sets");
  });
  return { miss, score, byClass, quantile_C: quantiles, subjects_C };
}

const isRange = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);
const isRanges = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 3 && value.every(isRange);

function familiarOf(value: unknown): FamiliarScans | null {
  if (value === null) return null;
  const parts = isRecord(value) ? value : {};
  const { geometry, values, facts, falseAlarmRate } = parts;
  if (!isRecord(geometry) || !isRecord(values) || !isRecord(facts)) throw another("slicestack.familiar");
  const isGeometry =
    isRanges(geometry["spacing"]) &&
    isRanges(geometry["extent"]) &&
    isRange(geometry["slices"]) &&
    isRange(geometry["tilt"]);
  const { range, shares, limit } = values;
  const isValues =
    isRange(range) && Array.isArray(shares) && shares.every(Number.isFinite) && isNumberOrNull(limit);
  if (!isGeometry || !isValues || !Object.values(facts).every(isTexts) || !isNumber(falseAlarmRate))
    throw another("slicestack.familiar");
  return parts as unknown as FamiliarScans;
}

const isNumber = (value: unknown): value is number => typeof value === "number";
const isNumberOrNull = (value: unknown): value is number | null => value === null || isNumber(value);
