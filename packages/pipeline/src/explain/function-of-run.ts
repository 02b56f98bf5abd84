/** The main model of a run as a function of one volume: trained, or with weights drawn anew. */
import { stagesOf } from "../config/stages.js";
import { headOf, headSlices, seenSlices, sliceModelOf, volumeModelOf } from "../models/of-config.js";
import { loadBest, loadTrained } from "../run/load-trained.js";
import type { OpenRun } from "../run/open.js";
import { headReadOut, SliceFunction, voteReadOut } from "./slice-function.js";
import type { VolumeFunction } from "./volume-function.js";
import { VoxelFunction } from "./voxel-function.js";

export interface OpenFunction extends Disposable {
  model: VolumeFunction;
}

/** @param run null: the weights stay as they were drawn   @throws CheckpointError, ModelError, ConfigError */
export function functionOfRun(opened: OpenRun, run: string | null, device: string): OpenFunction {
  return opened.config.method === "3d" ? ofVoxels(opened, run, device) : ofSlices(opened, run, device);
}

const storedOf = ({ dataset: { info } }: OpenRun): [number, number] => [info.height, info.width];

function ofVoxels(opened: OpenRun, run: string | null, device: string): OpenFunction {
  const { model, store } = volumeModelOf(opened, device);
  return ownedBy([model, store], () => {
    if (run !== null) loadBest(opened, run, { stage: "volume", model });
    model.to({ device });
    return new VoxelFunction({ model, store, stored: storedOf(opened) });
  });
}

function ofSlices(opened: OpenRun, run: string | null, device: string): OpenFunction {
  const { model: trunk, store } = sliceModelOf(opened, device);
  const owned: Disposable[] = [trunk, store];
  return ownedBy(owned, () => {
    const hasHead = stagesOf(opened.config).includes("volume");
    const head = hasHead ? headOf(opened, trunk) : null;
    if (head !== null) owned.push(head);
    if (run !== null) loadTrained(opened, run, trunk, head);
    trunk.to({ device });
    head?.to({ device });
    const readOut = head === null ? voteReadOut(trunk) : headReadOut(trunk, head, headSlices(opened));
    const seen = (volume: Parameters<typeof seenSlices>[2]) => (hasHead ? seenSlices(opened, store, volume) : store.slicesOf(volume)); // prettier-ignore
    return new SliceFunction({ trunk, readOut, store, seen, stored: storedOf(opened) });
  });
}

/** What is owned is freed at the end, or where making the function fails. */
function ownedBy(owned: readonly Disposable[], make: () => VolumeFunction): OpenFunction {
  const free = () => owned.forEach((one) => one[Symbol.dispose]());
  try {
    return { model: make(), [Symbol.dispose]: free };
  } catch (error) {
    free();
    throw error;
  }
}
