/** 3D as recorded computations: voxels → the network's volume → probabilities. */
import { recordProgram, type ProgramInput, type Sizes } from "@slicestack/torch/onnx";
import type { VolumeModel } from "../models/networks/volume-model.js";
import type { VolumeSpec } from "../models/spec.js";
import { firstForm } from "./forms.js";
import type { Calibration } from "./read-out.js";
import { readOut, tensorsOf, type Chain } from "./slice-programs.js";
import { engineType, volumesSeen } from "./voxels.js";

const VOXEL_SIZES: Sizes[] = [
  { volumes: 2, slices: 7 },
  { volumes: 1, slices: 19 },
  { volumes: 3, slices: 5 },
  { volumes: 1, slices: 1 },
];

export function networkChain(
  { input, prepared }: VolumeSpec,
  network: VolumeModel,
  calibration: Calibration | null,
): Chain {
  network.eval();
  return firstForm([() => chain(null), () => chain(1)]);

  /** @param count number of volumes in a batch; null for any number */
  function chain(count: number | null): Chain {
    const { height, width, dtype } = prepared;
    const volumes = count ?? "volumes";
    const voxels: ProgramInput = {
      name: "voxels",
      dtype: engineType(dtype),
      shape: [volumes, "slices", height, width],
    };
    const seen = recordProgram(
      {
        inputs: [voxels],
        parameters: new Map(),
        run: ({ voxels }) => ({ volume: volumesSeen(voxels!, input) }),
      },
      VOXEL_SIZES,
    );
    const volume: ProgramInput = { name: "volume", dtype: "float32", shape: [volumes, 1, ...input.size] };
    const decide = recordProgram(
      {
        inputs: [volume],
        parameters: tensorsOf(network, "network."),
        run: ({ volume }) => readOut(network.outputs.probabilities(network.forward(volume!)), calibration),
      },
      count === null ? [{ volumes: 2 }, { volumes: 1 }] : [{}],
    );
    return {
      programs: [seen, decide],
      slices: { kind: "any" },
      volumes: count === null ? { kind: "any" } : { kind: "fixed", count },
    };
  }
}
