/** `auto` without doing it: what would happen, how long it would take, and what is done already. Writes nothing. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { refuseForeign } from "../data/owned-folder.js";
import { refuseNested } from "../data/prepare/plan.js";
import { openDataset, type Dataset } from "../data/store.js";
import { systemProbe } from "../engine/doctor/probe.js";
import { usableCores } from "../engine/doctor/cpu.js";
import { inOneSession } from "../engine/session.js";
import { wishesOf, type AutoOptions } from "./auto.js";
import { autoPaths } from "./folder.js";
import { holdTestSet } from "./folds.js";
import { forecast, secondsBeforePlan, type PlannedStep } from "./forecast.js";
import { Journal } from "./journal.js";
import { planMeasured } from "./measured-plan.js";
import { planSchema } from "./results.js";
import { expectedDataset, findGiven } from "./scans.js";

export interface DryRun {
  steps: PlannedStep[];
  /** Estimate of all steps that are not done, and measured time of those that are. */
  seconds: number;
  /** Why these folds and epochs. */
  reasons: string[];
  warnings: string[];
}

/** @throws what `auto` throws before it trains, but for the audit, which is not made */
export function dryRunOfAuto(options: AutoOptions): Promise<DryRun> {
  return inOneSession(options, dryRunInSession);
}

async function dryRunInSession(options: AutoOptions): Promise<DryRun> {
  const wishes = wishesOf(options);
  const { given, seed } = wishes;
  const paths = autoPaths(options.out);
  refuseNested(given.source, paths.root);
  refuseForeign(paths.root, "auto");
  const journal = options.overwrite === true ? null : Journal.read(paths);
  const found = await findGiven(given, options);
  const isPrepared = journal?.find("prepare") !== undefined && existsSync(paths.data);
  const { dataset, secondsPerScan } = isPrepared
    ? { dataset: openDataset(paths.data), secondsPerScan: 0 }
    : await expectedDataset(basename(paths.root), found, options);
  const held = holdTestSet(dataset, seed);
  const cores = usableCores(systemProbe()).usable;
  const facts = {
    scans: found.plan.volumes.length,
    subjects: found.subjects,
    testScans: held.test.length,
    isOfficial: held.origin === "official",
    voxels: voxelsOf(dataset),
    secondsPerScan,
    cores,
  };
  const planned = journal?.find("plan");
  const plan =
    planned === undefined
      ? await planMeasured(dataset, held, wishes, secondsBeforePlan(facts, journal), options)
      : planSchema.parse(planned.result);
  const steps = forecast(facts, plan, journal);
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const warnings = [...new Set([...found.plan.warnings, ...held.warnings, ...plan.warnings])];
  return { steps, seconds, reasons: plan.reasons, warnings };
}

const voxelsOf = ({ info, volumes }: Dataset): number =>
  info.height * info.width * volumes.reduce((sum, { count }) => sum + count, 0);
