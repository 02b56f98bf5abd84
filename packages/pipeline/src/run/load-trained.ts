/** The weights that a run decides by, into its models. */
import { stagesOf } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import type { Head } from "../models/heads/head.js";
import { Joint } from "../models/joint.js";
import { loadWeights } from "../models/load.js";
import type { SliceModel } from "../models/slice-model.js";
import { runPaths } from "./folder.js";

/** Of the last stage: trunk and head of fine-tuning where there was one. @param head null for 2D   @throws CheckpointError */
export function loadTrained(run: string, config: RunConfig, trunk: SliceModel, head: Head | null): void {
  const { best } = runPaths(run);
  if (head !== null && stagesOf(config).includes("fine_tune")) {
    loadWeights(new Joint({ trunk, head }), best("fine_tune"));
    return;
  }
  loadWeights(trunk, best("slice"));
  if (head !== null) loadWeights(head, best("volume"));
}
