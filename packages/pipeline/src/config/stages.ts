import type {
  HeadConfig,
  NetworkConfig,
  OptimisationConfig,
  RunConfig,
  SliceConfig,
  StageConfig,
} from "./types.js";

/** What a run trains, one after another; each stage has its folder of checkpoints. */
export const STAGES = ["slice", "volume", "fine_tune"] as const;
export type StageName = (typeof STAGES)[number];

/** The stages of a configuration, in their order. */
export function stagesOf(config: RunConfig): StageName[] {
  if (config.method === "2d") return ["slice"];
  if (config.method === "3d") return ["volume"];
  return config.fineTune.epochs > 0 ? ["slice", "volume", "fine_tune"] : ["slice", "volume"];
}

/** The section that holds a stage's settings, by its name in the file. */
export interface StageSection {
  section: "slice" | "head" | "network" | "fine_tune";
  settings: OptimisationConfig | StageConfig;
}

/** @throws Error for a stage that the method does not have */
export function settingsOfStage(config: RunConfig, stage: StageName): StageSection {
  if (stage === "slice" && config.method !== "3d") return { section: "slice", settings: config.slice };
  if (stage === "volume" && config.method === "2.5d") return { section: "head", settings: config.head };
  if (stage === "volume" && config.method === "3d") return { section: "network", settings: config.network };
  if (stage === "fine_tune" && config.method === "2.5d")
    return { section: "fine_tune", settings: config.fineTune };
  throw new Error(`method ${config.method} has no stage ${stage}`);
}

/** The section whose loss decides how the outputs of the model that a run is about are read. */
export function decidingSection(config: RunConfig): SliceConfig | HeadConfig | NetworkConfig {
  if (config.method === "2d") return config.slice;
  return config.method === "3d" ? config.network : config.head;
}
