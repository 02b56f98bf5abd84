/**
 * 2D and 2.5D as recorded computations: voxels → slices → features → probabilities.
 * B volumes, S axial slices, M slices seen, E embedding, F channels of maps of h x w, K classes.
 */
import { cat, ones, zeros, type Tensor } from "@slicestack/torch";
import type { VoteThreshold } from "@slicestack/stats";
import type { Module } from "@slicestack/torch/nn";
import { recordProgram, type Program, type ProgramInput, type Sizes } from "@slicestack/torch/onnx";
import { planesOf } from "../input/schema.js";
import { componentOf } from "../models/component.js";
import type { Head } from "../models/heads/head.js";
import type { SliceModel } from "../models/trunks/slice-model.js";
import { seenOf, type SliceSpec, type StackSpec } from "../models/spec.js";
import { firstForm, type Extent } from "./forms.js";
import { calibrated, vote, type Calibration } from "./read-out.js";
import { engineType, slicesSeen } from "./voxels.js";

/** A sequence of programs, and the number of slices that they take. */
export interface Chain {
  programs: Program[];
  /** Number of axial slices of a volume or, if the chain begins at features, of slices seen by the model. */
  slices: Extent;
  volumes: Extent;
}

/** The most slices for a head whose form depends on their number. */
const PADDED = 2048;
/** A number beyond any limit that a head sets itself, and 1; both differ from the usual widths of layers. */
const SEEN_SIZES: Sizes[] = [
  { volumes: 2, slices_seen: 17 },
  { volumes: 1, slices_seen: 509 },
  { volumes: 3, slices_seen: 1013 },
  { volumes: 1, slices_seen: 1 },
];

export const tensorsOf = (module: Module, prefix: string): Map<string, Tensor> =>
  new Map(
    [...module.namedParameters(), ...module.namedBuffers()].map(([name, tensor]) => [prefix + name, tensor]),
  );

/** voxels → features, B, M, E or B, M, F, h, w. @param slices number of slices of a volume; null for any number */
export function trunkPrograms(
  spec: SliceSpec | StackSpec,
  trunk: SliceModel,
  slices: number | null,
): Program[] {
  const { input, prepared } = spec;
  const { height, width, dtype } = prepared;
  const sampled = spec.method === "2.5d" ? spec.head.sampled : null;
  const hasMaps = spec.method === "2.5d" && componentOf("head", spec.head.name).sees === "maps";
  const { channels } = trunk;
  const voxels: ProgramInput = {
    name: "voxels",
    dtype: engineType(dtype),
    shape: ["volumes", slices ?? "slices", height, width],
  };
  const sizes = voxelSizes(slices, planesOf(input), sampled);
  const cut = recordProgram(
    {
      inputs: [voxels],
      parameters: new Map(),
      run: ({ voxels }) => ({ slices: slicesSeen(voxels!, input, { sampled, channels }) }),
    },
    sizes,
  );
  trunk.eval();
  const images: ProgramInput = {
    name: "slices",
    dtype: "float32",
    shape: ["images", channels, ...input.size],
  };
  const pass = (x: Tensor) => (hasMaps ? trunk.featureMaps(x) : trunk.embed(x));
  const embed = recordProgram(
    {
      inputs: [images],
      parameters: tensorsOf(trunk, "trunk."),
      run: ({ slices: x }) => ({ flat: pass(x!) }),
    },
    [{ images: 2 }, { images: 1 }, { images: 3 }],
  );
  const shape = embed.outputs.get("flat")!.shape.slice(1).map(Number);
  return [cut, embed, stacked(voxels, shape, sizes, (count) => seenOf(count, sampled, input))];
}

/** features_N of all volumes → features_BM */
function stacked(
  voxels: ProgramInput,
  shape: number[],
  sizes: Sizes[],
  seen: (slices: number) => number,
): Program {
  const flat: ProgramInput = { name: "flat", dtype: "float32", shape: ["images", ...shape] };
  return recordProgram(
    {
      inputs: [voxels, flat],
      parameters: new Map(),
      run: ({ voxels, flat }) => {
        const [volumes = 0, slices = 0] = voxels!.shape;
        return { features: flat!.reshape(volumes, seen(slices), ...shape) };
      },
    },
    sizes.map((size) => ({
      ...size,
      images: size["volumes"]! * seen(size["slices"] ?? Number(voxels.shape[1])),
    })),
  );
}

/** Numbers of slices to record at: few, to save computation, but enough to show where sampling begins. */
function voxelSizes(slices: number | null, planes: number, sampled: number | null): Sizes[] {
  if (slices !== null) return [{ volumes: 2 }, { volumes: 1 }, { volumes: 3 }];
  const least = sampled === null ? 5 : Math.ceil(sampled / planes);
  return [
    { volumes: 2, slices: least + 2 },
    { volumes: 1, slices: least + 4 },
    { volumes: 3, slices: 2 },
    { volumes: 1, slices: 1 },
  ];
}

/** The mask of a batch whose volumes have equal depth, so that all slices exist. */
export function wholeMask(features: ProgramInput, sizes: Sizes[]): Program {
  return recordProgram(
    {
      inputs: [features],
      parameters: new Map(),
      run: ({ features: x }) => ({ mask: ones(x!.shape.slice(0, 2), { dtype: "bool" }) }),
    },
    sizes,
  );
}

interface HeadForm {
  program: Program;
  features: ProgramInput;
  sizes: Sizes[];
  seen: Extent;
}

/** features, with a mask of existing slices unless the head sees maps → probabilities, slice weights. */
export function headProgram(
  spec: StackSpec,
  head: Head,
  shape: readonly number[],
  calibration: Calibration | null,
): HeadForm {
  head.eval();
  const { slices } = spec.head;
  const fixed = () => recordHead(head, shape, calibration, { kind: "fixed", count: slices });
  if (componentOf("head", spec.head.name).needsOneDepth === true) return fixed();
  const any = () => recordHead(head, shape, calibration, { kind: "any" });
  const padded = () => recordHead(head, shape, calibration, { kind: "most", count: PADDED });
  return firstForm(head.sees === "maps" ? [any, fixed] : [any, padded, fixed]);
}

function recordHead(
  head: Head,
  shape: readonly number[],
  calibration: Calibration | null,
  seen: Extent,
): HeadForm {
  const rows = seen.kind === "fixed" ? seen.count : "slices_seen";
  const features: ProgramInput = { name: "features", dtype: "float32", shape: ["volumes", rows, ...shape] };
  const mask: ProgramInput = { name: "mask", dtype: "bool", shape: ["volumes", rows] };
  const sizes =
    seen.kind === "fixed"
      ? [{ volumes: 2 }, { volumes: 1 }, { volumes: 3 }]
      : head.sees === "maps"
        ? mapSizes
        : SEEN_SIZES;
  const inputs = head.sees === "maps" ? [features] : [features, mask];
  const length = seen.kind === "most" ? seen.count : null;
  const program = recordProgram(
    {
      inputs,
      parameters: tensorsOf(head, "head."),
      run: ({ features: x, mask: there }) => {
        const { logits_BK, sliceWeight_BS } = decided(head, x!, there ?? null, length);
        const outputs = readOut(head.outputs.probabilities(logits_BK), calibration);
        return sliceWeight_BS === null ? outputs : { ...outputs, slice_weights: sliceWeight_BS };
      },
    },
    sizes,
  );
  return { program, features, sizes, seen };
}

/** The limit for heads on feature maps, which are large. */
const mapSizes: Sizes[] = [
  { volumes: 2, slices_seen: 17 },
  { volumes: 1, slices_seen: 19 },
  { volumes: 3, slices_seen: 5 },
  { volumes: 1, slices_seen: 1 },
];

/** Applies a head to features, optionally padded to `length` with slices that do not exist. */
function decided(head: Head, features: Tensor, mask: Tensor | null, length: number | null) {
  if (length === null || mask === null) return head.forward(features, mask);
  const [volumes = 0, slices = 0, ...shape] = features.shape;
  const missing = [volumes, length - slices];
  const filled = cat([features, zeros([...missing, ...shape])], 1);
  const { logits_BK, sliceWeight_BS } = head.forward(
    filled,
    cat([mask, zeros(missing, { dtype: "bool" })], 1),
  );
  return { logits_BK, sliceWeight_BS: sliceWeight_BS?.narrow(1, 0, slices) ?? null };
}

/** The uncalibrated probabilities, and the calibrated ones if there is a calibration. */
export function readOut(probabilities: Tensor, calibration: Calibration | null): Record<string, Tensor> {
  if (calibration === null) return { probabilities };
  return { probabilities, calibrated: calibrated(probabilities, calibration) };
}

/** 2D: features_BME → probabilities of each slice, and their vote. */
export function voteProgram(
  spec: SliceSpec,
  trunk: SliceModel,
  { calibration, countVote }: { calibration: Calibration | null; countVote: VoteThreshold | null },
): HeadForm {
  trunk.eval();
  const features: ProgramInput = {
    name: "features",
    dtype: "float32",
    shape: ["volumes", "slices_seen", trunk.embedding],
  };
  const program = recordProgram(
    {
      inputs: [features],
      parameters: tensorsOf(trunk, "trunk."),
      run: ({ features: x }) => {
        const [volumes = 0, slices = 0] = x!.shape;
        const flat_NK = trunk.outputs.probabilities(trunk.classify(x!.flatten(0, 1)));
        const slice_probabilities = flat_NK.reshape(volumes, slices, spec.classes.names.length);
        return {
          ...readOut(vote(slice_probabilities, spec.vote, countVote), calibration),
          slice_probabilities,
        };
      },
    },
    SEEN_SIZES,
  );
  return { program, features, sizes: SEEN_SIZES, seen: { kind: "any" } };
}
