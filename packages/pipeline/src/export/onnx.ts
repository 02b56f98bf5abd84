/** Writes a model as one ONNX graph, from stored voxels to calibrated probabilities, or a part of it. */
import type { VoteThreshold } from "@slicestack/stats";
import { onnxModel, type OnnxModel, type OnnxOptions } from "@slicestack/torch/onnx";
import { isNetwork, deciding, type OpenModel, type OpenSliceModel } from "../predict/open-model.js";
import { planesOf } from "../input/schema.js";
import type { ModelSpec, StackSpec } from "../models/spec.js";
import { viewsOf } from "../models/test-time.js";
import { ensembleChain } from "./ensemble.js";
import { ExportError } from "./export-error.js";
import type { Extent } from "./forms.js";
import { metadataOf } from "./metadata.js";
import { networkChain } from "./network-programs.js";
import type { Calibration } from "./read-out.js";
import { headProgram, trunkPrograms, voteProgram, wholeMask, type Chain } from "./slice-programs.js";

export const EXPORT_PARTS = ["whole", "trunk", "head"] as const;
export type ExportPart = (typeof EXPORT_PARTS)[number];

export interface ExportOnnxOptions {
  /** whole (default): voxels to probabilities; trunk: voxels to features of slices; head: features to probabilities. */
  part?: ExportPart;
  /** If null, the graph has no calibrated probabilities. */
  calibration: Calibration | null;
  /** For a model whose slices vote by `count`: the threshold that its evaluation chose. */
  countVote?: VoteThreshold | null;
  /** float16: weights in half precision. */
  weights?: "float32" | "float16";
  /** Licence of the weights, for readers of the file. Default "not stated". */
  licence?: string;
  /** Additional key-value pairs for the metadata of the file. */
  metadata?: Readonly<Record<string, string>>;
}

/** The bytes of a graph, with a description of its inputs and outputs. */
export interface ExportedOnnx extends OnnxModel {
  part: ExportPart;
  volumes: Extent;
  slices: Extent;
  metadata: Record<string, string>;
}

const DESCRIPTIONS: Record<string, string> = {
  probabilities: "class probabilities of each volume, as in predictions.csv",
  calibrated: "the same, calibrated on the validation set",
  slice_weights: "weight of each slice; rows sum to 1",
  slice_probabilities: "class probabilities of each slice",
  features: "output of the trunk for each slice",
};

/**
 * Writes the graph by recording the calls of the engine; puts the model into evaluation mode.
 * @throws ExportError for a part that the model does not have, or a vote without probabilities
 * @throws OnnxError for an op that has no rule, by its name
 */
export function exportOnnx(model: OpenModel, options: ExportOnnxOptions): ExportedOnnx {
  const { part = "whole" } = options;
  return written(model.spec, chainOf(model, part, options), { ...options, part });
}

/** One model of an ensemble, with what its evaluation fitted. */
export interface EnsembleMember extends Pick<ExportOnnxOptions, "calibration" | "countVote"> {
  model: OpenModel;
}

/**
 * Writes several models as one graph, whose probabilities are the mean of theirs; calibrated ones only where every model is
 * calibrated.
 * @param members with equal classes and preparation   @throws ExportError, OnnxError
 */
export function exportEnsemble(
  members: readonly EnsembleMember[],
  options: Omit<ExportOnnxOptions, "calibration" | "countVote" | "part">,
): ExportedOnnx {
  const chain = ensembleChain(members.map((member) => chainOf(member.model, "whole", member)));
  const metadata = {
    ...options.metadata,
    "slicestack.members": JSON.stringify(members.map(({ calibration }) => ({ calibration }))),
  };
  return written(members[0]!.model.spec, chain, { ...options, metadata, part: "whole", calibration: null });
}

/** The calibration belongs to the mean over all views; a graph computes one. */
function refuseViews({ testTime }: ModelSpec): void {
  if (testTime === undefined) return;
  throw new ExportError(
    `The model averages ${viewsOf(testTime).length + 1} views of a volume (transform.test_time_…), and an ONNX graph has one`,
    "Use --to bundle, which keeps them, or export a run that was trained without them.",
  );
}

function written(
  spec: ModelSpec,
  chain: Chain,
  options: ExportOnnxOptions & { part: ExportPart },
): ExportedOnnx {
  const { part, weights = "float32" } = options;
  if (part === "whole") refuseViews(spec);
  const last = chain.programs.flatMap((program) =>
    [...program.outputs.keys()].map((name) => program.names?.get(name) ?? name),
  );
  const names =
    part === "trunk" ? ["features"] : Object.keys(DESCRIPTIONS).filter((name) => name !== "features");
  const metadata = metadataOf(spec, { ...options, volumes: chain.volumes, slices: chain.slices });
  const { dtype, unit } = spec.prepared;
  const settings: OnnxOptions = {
    name: spec.name,
    description: `${spec.name}: ${spec.method} classification of CT volumes by Slicestack. Research use only.`,
    outputs: names
      .filter((name) => last.includes(name))
      .map((name) => ({ name, description: DESCRIPTIONS[name]! })),
    inputs: {
      voxels: {
        type: dtype,
        description: `prepared volumes: volumes, slices, height, width; ${unitText(unit)}`,
      },
      features: { description: DESCRIPTIONS["features"]! },
      mask: { description: "true where a slice exists" },
    },
    metadata,
    producerVersion: metadata["slicestack.version"] ?? "",
    ...(weights === "float16" ? { weights } : {}),
  };
  const { volumes, slices } = chain;
  return { ...onnxModel(chain.programs, settings), part, volumes, slices, metadata };
}

const unitText = (unit: "HU" | "arbitrary"): string =>
  unit === "HU" ? "Hounsfield units" : "values without a unit";

type Fitted = Pick<ExportOnnxOptions, "calibration" | "countVote">;

function chainOf(model: OpenModel, part: ExportPart, fitted: Fitted): Chain {
  if (!isNetwork(model)) return sliceChain(model, part, fitted);
  if (part === "whole") return networkChain(model.spec, model.network, fitted.calibration);
  throw new ExportError("A 3D network has no trunk and no head", "Omit --part.");
}

function sliceChain(
  model: OpenSliceModel,
  part: ExportPart,
  { calibration, countVote = null }: Fitted,
): Chain {
  const { spec } = model;
  const { trunk, head } = deciding(model);
  const any: Extent = { kind: "any" };
  if (spec.method === "2d" || head === null) {
    if (part === "trunk") return { programs: trunkPrograms(spec, trunk, null), volumes: any, slices: any };
    if (spec.method === "2d") {
      const { program } = voteProgram(spec, trunk, { calibration, countVote });
      const programs = part === "head" ? [program] : [...trunkPrograms(spec, trunk, null), program];
      return { programs, volumes: any, slices: any };
    }
    throw new ExportError("The model has no head", "Export its trunk with --part trunk.");
  }
  const cut = trunkPrograms(spec, trunk, null);
  if (part === "trunk") return { programs: cut, volumes: any, slices: any };
  const shape = cut.at(-1)!.outputs.get("features")!.shape.slice(2).map(Number);
  const { program, features, sizes, seen } = headProgram(spec, head, shape, calibration);
  if (part === "head") return { programs: [program], volumes: any, slices: seen };
  const slices = axialSlices(spec, seen);
  const first = slices.kind === "fixed" ? trunkPrograms(spec, trunk, slices.count) : cut;
  const masked = head.sees === "maps" ? [] : [wholeMask(features, sizes)];
  return { programs: [...first, ...masked, program], volumes: any, slices };
}

/** The number of axial slices that give the slices seen by a head. */
function axialSlices({ input, prepared, head }: StackSpec, seen: Extent): Extent {
  if (seen.kind === "any") return seen;
  // A head that sees a fixed number of slices was trained on volumes padded to the depth of the deepest one.
  if (seen.kind === "fixed") return { kind: "fixed", count: prepared.depths[1] };
  return head.sampled === null
    ? { kind: "most", count: Math.floor(seen.count / planesOf(input)) }
    : { kind: "any" };
}
