/** The job of `train`: joins the other processes, if there are any, and runs the stages. */
import type { JobContext } from "../engine/job.js";
import { stagesOf, type StageName } from "../config/stages.js";
import { specOfRun } from "../models/spec-file.js";
import { describeEnvironment, startCompute, type ComputePlan } from "../run/compute.js";
import { PEAK_MEMORY, readRecord, SLICE_STAGE_OF, writeRecord } from "../run/folder.js";
import { openRun } from "../run/open-run.js";
import { isFinished } from "./checkpoint.js";
import { awaitRanks, joinWorld } from "./distributed.js";
import { Forecast, piecesOfRun } from "./forecast.js";
import type { StageRun } from "./loop.js";
import { MetricsLog } from "./metrics-log.js";
import { runStage } from "./run-stages.js";
import { checkHeadFits } from "./volume-stage.js";
import { initModelFor, type InitModel } from "./init-from.js";
import { computeOf, type ComputeRequest } from "./rank-compute.js";
import { codeVersion } from "../run/code-version.js";
import { joinEnvironments } from "../run/environments.js";
import type { World } from "./world.js";

export interface TrainJob {
  run: string;
  data: string;
  stage: StageName | "all";
  resume: boolean;
  /** The file of slice.pretrained; null if there is none, or where the slice stage is past its start. */
  pretrained: string | null;
  /** The model of init_from; null if there is none, or where every stage is past its start. */
  initFrom: readonly InitModel[] | null;
  world: World;
  /** Device, threads and precision as configured, which are needed before the run folder exists. */
  compute: ComputeRequest;
  /** Between checkpoints within an epoch. */
  saveSeconds?: number | undefined;
  /** Whether a finished stage keeps its states to resume from. */
  keepStates?: boolean | undefined;
}

export interface TrainOutcome {
  status: "finished" | "stopped";
  /** Validation score of each stage's best epoch. */
  best: Partial<Record<StageName, number>>;
}

export function job(input: TrainJob, context: JobContext): TrainOutcome {
  const { world } = input;
  const compute = computeOf(input.compute, world);
  // The first process creates the run folder before it joins, so that all others find it.
  return joinWorld(world, { device: compute.device, timeoutSeconds: 7200 }, () =>
    trainStages(input, context, compute),
  );
}

function trainStages(input: TrainJob, context: JobContext, compute: ComputePlan): TrainOutcome {
  const { run, data, stage, resume, world, pretrained, saveSeconds, keepStates } = input;
  const opened = openRun(run, data);
  const { config, dataset } = opened;
  const initFrom = input.initFrom === null ? null : initModelFor(input.initFrom, config, opened.split.hash);
  const spec = specOfRun(run, opened);
  const isTaken = SLICE_STAGE_OF in opened.record.environment;
  const isFirst = world.rank === 0;
  const keep = (status: "training" | "trained" | "stopped", more: Record<string, string> = {}) => {
    if (!isFirst) return;
    const record = readRecord(run);
    writeRecord(run, { ...record, status, environment: { ...record.environment, ...more } });
  };
  const stages = stagesOf(config).filter(
    (name) => (stage === "all" || name === stage) && !(name === "slice" && isTaken),
  );
  // A call that computes nothing is not recorded.
  const isOver = resume && stages.every((name) => isFinished(run, name));
  const now = isOver
    ? {}
    : { ...codeVersion(), ...describeEnvironment(compute), processes: String(world.worldSize) };
  const { environment, changes } = joinEnvironments(opened.record.environment, now);
  keep("training", environment);
  if (changes.length > 0 && isFirst)
    context.log(
      `the run continues with other settings than before (${changes.join("; ")}): the last bits of its ` +
        "results may differ from those of a run without the change; run.json records both",
    );
  if (stages.includes("volume")) checkHeadFits(config, dataset);

  using log = new MetricsLog(run, isFirst);
  const forecast = new Forecast(
    piecesOfRun(
      opened,
      stages.filter((name) => !resume || !isFinished(run, name)),
    ),
  );
  const stageRun: StageRun = {
    run,
    resume,
    log,
    compute,
    job: forecast.of(context),
    saveSeconds,
    keepStates,
  };
  const outcome: TrainOutcome = { status: "finished", best: {} };
  for (const name of stages) {
    // Each stage has separate random numbers, so that it is the same whether trained alone or after the others.
    startCompute(compute, stageSeed(config.seed, name) + world.rank);
    const { status, best } = runStage(name, { ...opened, spec, stageRun, pretrained, initFrom, isFirst });
    awaitRanks(); // the next stage reads this one's best weights
    if (best !== undefined) outcome.best[name] = best;
    outcome.status = status;
    if (status === "stopped") break;
  }
  const peak = Math.max(
    process.resourceUsage().maxRSS * 1024,
    Number(readRecord(run).environment[PEAK_MEMORY] ?? 0),
  );
  const isTrained = stagesOf(config).every((name) => (name === "slice" && isTaken) || isFinished(run, name));
  keep(outcome.status === "finished" && isTrained ? "trained" : "stopped", { [PEAK_MEMORY]: String(peak) });
  return outcome;
}

function stageSeed(seed: number, stage: StageName): number {
  return seed + 1_000_000 * ["slice", "volume", "fine_tune"].indexOf(stage);
}
