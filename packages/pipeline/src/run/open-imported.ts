/** Opens an imported checkpoint on a data set, as a run with all volumes in the test set, because its training data are unknown. */
import { areOrdinal } from "../config/classes.js";
import type { RunConfig } from "../config/types.js";
import type { Dataset } from "../data/store.js";
import { sealed } from "../data/split/split.js";
import type { TaskVolume } from "../data/task.js";
import { RunError, type ImportedFrom, type RunRecord } from "./folder.js";
import type { OpenRun } from "./open-run.js";
import { findComponent } from "../config/components.js";

/** @throws RunError if its stacking head needs more slices than a volume has */
export function openImported(
  run: string,
  { config, record, imported }: { config: RunConfig; record: RunRecord; imported: ImportedFrom },
  { dataset, names, test }: { dataset: Dataset; names: string[]; test: TaskVolume[] },
): OpenRun {
  checkDepth(run, config, test);
  const parts = { train: [], val: [], test: test.map(({ id }) => id) };
  const split = sealed(dataset, { seed: 0, group: undefined, parts, warnings: [] });
  const mapping = new Map<number, number | null>();
  const classes = {
    count: imported.classes,
    names,
    ordinal: areOrdinal(config.task.ordinal, names),
    mapping,
  };
  return { config, record, dataset, split, task: { classes, parts: { train: [], val: [], test } } };
}

function checkDepth(run: string, config: RunConfig, test: readonly TaskVolume[]): void {
  if (config.method !== "2.5d") return;
  const { model, slices } = config.head;
  if (slices === null || findComponent("head", model.name)?.needsOneDepth !== true) return;
  const planes = config.transform.planes === "three" ? 3 : 1;
  const short = test.find(({ count }) => count * planes < slices);
  if (short === undefined) return;
  throw new RunError(
    run,
    `has a ${model.name} head for ${slices} slices, volume ${short.id} has ${short.count * planes}`,
    `Prepare the data set with --depth ${Math.ceil(slices / planes)}.`,
  );
}
