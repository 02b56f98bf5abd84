import type { RunConfig } from "./types.js";

/** What a run trains, one after another; each has its folder of checkpoints. */
export type StageName = "slice" | "volume" | "fine_tune";

/** The stages of a configuration, in their order. */
export function stagesOf({ method, fineTune }: Pick<RunConfig, "method" | "fineTune">): StageName[] {
  if (method === "2d") return ["slice"];
  if (method === "3d") return ["volume"];
  return fineTune.epochs > 0 ? ["slice", "volume", "fine_tune"] : ["slice", "volume"];
}
