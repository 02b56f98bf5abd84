/** What `train` works with: the data, the configuration, and a new folder or one to resume. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RunConfig, World } from "@slicestack/pipeline";
import { UsageError } from "../exit-codes.js";
import { freeRunFolder } from "../run-folder.js";
import type { Session } from "../session.js";
import { pathWord } from "../shell.js";

export interface TargetFlags {
  config?: string;
  data?: string;
  out?: string;
  resume?: string | true;
  fold?: number | "all";
  seeds?: number;
  procs?: number;
  shuffleLabels?: boolean;
  /** Time that a plan may use in seconds, for --config auto. */
  budget?: number;
  printConfig?: boolean;
  overwrite?: boolean;
  set?: Record<string, string>;
}

export interface Target {
  config: RunConfig;
  data: string;
  /** Run or group folder. */
  out: string;
  resume: boolean;
  isGroup: boolean;
}

/** @throws UsageError where something is missing or contradicts itself, ConfigError, RunError */
export async function targetOf(flags: TargetFlags, world: World, session?: Session): Promise<Target> {
  const { isGroup, readGroup, readRecord } = await import("@slicestack/pipeline");
  const { findDataset } = await import("@slicestack/pipeline/internal");
  const resumed = resumedFolder(flags);
  const planned = isPlanned(flags);
  if (planned && Math.max(world.worldSize, flags.procs ?? 1) > 1)
    throw new UsageError(
      "each process would plan for its own speed: write one plan with slicestack plan DATA --out FILE",
    );
  if (flags.budget !== undefined && !planned)
    throw new UsageError("--budget is the time of a plan: omit --config, or give --config auto");
  if (flags.overwrite === true && resumed !== undefined)
    throw new UsageError("--overwrite starts a run again, --resume continues it: give one of them");
  const config = await configOf(flags, session);
  const begun = (folder: string) => {
    const { dataset } = isGroup(folder) ? readGroup(folder) : readRecord(folder);
    return dataset === null ? undefined : findDataset(folder, dataset);
  };
  const data = flags.data ?? (resumed === undefined ? undefined : begun(resumed));
  if (data === undefined)
    throw new UsageError("train needs --data FOLDER, a data set prepared by slicestack prepare");
  const out = flags.out ?? resumed ?? newFolder(config, world, flags.overwrite);
  const asGroup = flags.fold === "all" || flags.seeds !== undefined;
  if (resumed !== undefined && asGroup && !isGroup(resumed))
    throw new UsageError(`${resumed} is a single run: resume it without --fold and --seeds`);
  const resume = resumed !== undefined || (config.relaunch && flags.overwrite !== true && hasRun(out));
  return { config, data, out, resume, isGroup: asGroup || (resume && isGroup(out)) };
}

/** A new run without --config is planned; `--print-config` without data shows the defaults instead. */
const isPlanned = ({ config, resume, printConfig, data }: TargetFlags): boolean =>
  config === "auto" ||
  (config === undefined && resume === undefined && !(printConfig === true && data === undefined));

/** The configuration of --config, else that of the folder to resume, else a plan. @throws ConfigError, UsageError */
export async function configOf(flags: TargetFlags, session?: Session): Promise<RunConfig> {
  const { loadConfig, usePlugins } = await import("@slicestack/pipeline/internal/configuration");
  if (isPlanned(flags)) return plannedConfig(flags, session);
  const resumed = resumedFolder(flags);
  const file = flags.config ?? (resumed === undefined ? undefined : join(resumed, "config.yaml"));
  const options = { ...(file === undefined ? {} : { file }), overrides: overridesOf(flags) };
  await usePlugins(options);
  return loadConfig(options);
}

/** The configuration that slicestack plan would write, with the overrides applied. */
async function plannedConfig(flags: TargetFlags, session?: Session): Promise<RunConfig> {
  const { loadConfig, plan, usePlugins } = await import("@slicestack/pipeline");
  const { data, budget } = flags;
  if (flags.resume !== undefined)
    throw new UsageError("--config auto plans a new run; a resumed run keeps its configuration");
  if (data === undefined)
    throw new UsageError(
      "train needs --data FOLDER, a data set prepared by slicestack prepare; without --config it plans a configuration for that data set",
    );
  const callbacks = session === undefined ? {} : { onProgress: session.onProgress, signal: session.signal };
  const { yaml, warnings } = await plan({ data, ...(budget === undefined ? {} : { budget }), ...callbacks });
  session?.log(
    `Planned a configuration for ${data}; slicestack plan ${pathWord(data)} shows the reason for each choice.`,
  );
  for (const warning of warnings) session?.log(`warning: ${warning}`);
  const options = { file: "auto", text: yaml, overrides: overridesOf(flags) };
  await usePlugins(options);
  return loadConfig(options);
}

function overridesOf({ set = {}, shuffleLabels }: TargetFlags): Record<string, string> {
  return shuffleLabels === true ? { ...set, "task.shuffle_labels": "true" } : set;
}

const hasRun = (folder: string): boolean =>
  ["run.json", "group.json"].some((name) => existsSync(join(folder, name)));

/** The folder to resume: that of --resume, else that of --out. */
function resumedFolder({ resume, out }: TargetFlags): string | undefined {
  if (resume === undefined) return undefined;
  const folder = resume === true ? out : resume;
  if (folder === undefined)
    throw new UsageError("--resume needs the run folder: --resume RUN, or --resume --out RUN");
  if (typeof resume === "string" && out !== undefined && out !== resume)
    throw new UsageError(
      `--resume ${resume} and --out ${out} name two folders; a run is resumed in its own folder`,
    );
  if (!hasRun(folder))
    throw new UsageError(`${folder} is not a run folder: it has neither run.json nor group.json`);
  return folder;
}

/** Processes that were started separately need a given folder: otherwise each would choose a different free one. */
function newFolder({ name, relaunch }: RunConfig, { worldSize, starter }: World, overwrite = false): string {
  if (worldSize > 1 && !relaunch)
    throw new UsageError(`${worldSize} processes of ${starter} need one run folder: give --out FOLDER`);
  return freeRunFolder(name, relaunch || overwrite);
}
