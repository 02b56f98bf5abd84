/** Refuses settings that would end a stage in the middle, or leave its best epoch undefined, before a run is written. */
import { ConfigError } from "../config/errors.js";
import { settingsOfStage, stagesOf } from "../config/stages.js";
import type { RunConfig, RunConfigOf } from "../config/types.js";
import type { Dataset } from "../data/store.js";
import type { Task } from "../data/task.js";
import { sliceTransform } from "../input/of-config.js";
import { componentOf } from "../models/component.js";
import { leastBatch } from "./slice-stage.js";

/** @param ranks processes that share each batch   @throws ConfigError */
export function checkStages(config: RunConfig, dataset: Dataset, task: Task, ranks: number): void {
  checkSelection(config, task);
  if (config.method !== "3d" && config.slice.epochs > 0) checkBatchNorm(config, dataset, ranks);
}

/** Metrics that compare classes need at least two classes on val. */
function checkSelection(config: RunConfig, { classes, parts }: Task): void {
  const present = [...new Set(parts.val.map(({ label }) => label))];
  if (present.length > 1) return;
  const problems = stagesOf(config).flatMap((stage) => {
    const { section, settings } = settingsOfStage(config, stage);
    const select = settings.select.name;
    if (settings.epochs === 0 || componentOf("metric", select).needsTwoClasses !== true) return [];
    const received = `all ${parts.val.length} val volumes are of ${classes.names[present[0] ?? 0] ?? "one class"}`;
    return [
      {
        key: `${section}.select`,
        message:
          `${section}.select: ${select} expects val volumes of at least two classes, ${received}. ` +
          `Split again with more val subjects, or set ${section}.select to loss.`,
      },
    ];
  });
  if (problems.length > 0) throw new ConfigError(problems);
}

function checkBatchNorm(config: RunConfigOf<"2d" | "2.5d">, dataset: Dataset, ranks: number): void {
  const { model, batchSize } = config.slice;
  const { size } = sliceTransform(config, dataset, "cpu");
  const least = leastBatch(config, size, ranks);
  if (batchSize >= least) return;
  const shared = ranks > 1 ? ` in each of ${ranks} processes` : "";
  throw new ConfigError([
    {
      key: "slice.batch_size",
      message:
        `slice.batch_size: expected at least ${least}, received ${batchSize}: the last maps of ${model.name} on slices of ${size.join(" x ")} ` +
        `have one pixel, and batch norm needs more than one value per channel${shared}. Use a larger batch, or a slice.size above 32.`,
    },
  ]);
}
