/** Metadata of an exported file, as key-value pairs of text. */
import { sha256Of } from "../data/sealed-json.js";
import { planesOf } from "../input/schema.js";
import { portableSpec } from "../models/portable-spec.js";
import type { ModelSpec } from "../models/spec.js";
import { softwareVersions } from "../run/software-versions.js";
import { extentText, type Extent } from "./forms.js";
import type { Calibration } from "./read-out.js";

export const RESEARCH_USE = "Research use only. Not a medical device; not for diagnosis or treatment.";

export interface MetadataFacts {
  part: string;
  volumes: Extent;
  slices: Extent;
  calibration: Calibration | null;
  weights?: "float32" | "float16";
  licence?: string;
  /** Additional key-value pairs of the metadata. */
  metadata?: Readonly<Record<string, string>>;
}

/** The SHA-256 of a contract: the same for the same model.json. */
export const specHash = (spec: ModelSpec): string => sha256Of(JSON.stringify(portableSpec(spec)));

/** Which slices a model sees, so that a reader can tell which axial slice a weight belongs to; null for 3D. */
const seenOf = (spec: ModelSpec): { planes: number; sampled: number | null } | null =>
  spec.method === "3d"
    ? null
    : { planes: planesOf(spec.input), sampled: spec.method === "2.5d" ? spec.head.sampled : null };

export function metadataOf(spec: ModelSpec, facts: MetadataFacts): Record<string, string> {
  const { prepared, classes, trainedOn } = portableSpec(spec);
  const { height, width, dtype, unit, range, depths, recipe } = prepared;
  const input = { height, width, dtype, unit, range, depths, recipe };
  return {
    "slicestack.version": softwareVersions()["slicestack"] ?? "",
    "slicestack.spec_sha256": specHash(spec),
    "slicestack.name": spec.name,
    "slicestack.method": spec.method,
    "slicestack.part": facts.part,
    "slicestack.classes": JSON.stringify(classes.names),
    "slicestack.ordinal": String(classes.ordinal),
    "slicestack.input": JSON.stringify(input),
    "slicestack.seen": JSON.stringify(seenOf(spec)),
    "slicestack.volumes": extentText(facts.volumes),
    "slicestack.slices": extentText(facts.slices),
    "slicestack.calibration": JSON.stringify(facts.calibration),
    "slicestack.weights": facts.weights ?? "float32",
    ...facts.metadata,
    "slicestack.trained_on": JSON.stringify(trainedOn),
    "slicestack.licence": facts.licence ?? "not stated",
    "slicestack.use": RESEARCH_USE,
  };
}
