import type { RunConfig } from "./types.js";

/** What a run trains, one after another; each has its folder of checkpoints. */
export const STAGES = ["slice", "volume", "fine_tune"] as const;
export type StageName = (typeof STAGES)[number];

/** The stages of a configuration, in their order. */
export function stagesOf({ method, fineTune }: Pick<RunConfig, "method" | "fineTune">): StageName[] {
  if (method === "2d") return ["slice"];
  if (method === "3d") return ["volume"];
  return fineTune.epochs > 0 ? ["slice", "volume", "fine_tune"] : ["slice", "volume"];
}
