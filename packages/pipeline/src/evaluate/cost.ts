/** The cost of a run and of its model: cost.json. Times and memory depend on the machine, so they are not in metrics.json. */
import { existsSync, readFileSync } from "node:fs";
import { PEAK_MEMORY, type RunRecord } from "../run/folder.js";
import type { MeasuredCost } from "./measure-cost.js";

export interface StageTime {
  stage: string;
  epochs: number;
  seconds: number;
}

export interface CostReport extends MeasuredCost {
  training: StageTime[];
  /** Seconds of all stages, validation included. */
  trainingSeconds: number;
  /** Peak memory of the training process, in bytes; null if it was not recorded. */
  trainingPeakMemory: number | null;
}

/** @param log path of metrics.jsonl, which an imported checkpoint does not have */
export function costReport(measured: MeasuredCost, record: RunRecord, log: string): CostReport {
  const training = existsSync(log) ? stageTimes(readFileSync(log, "utf8")) : [];
  const peak = Number(record.environment[PEAK_MEMORY] ?? NaN);
  return {
    ...measured,
    training,
    trainingSeconds: training.reduce((sum, { seconds }) => sum + seconds, 0),
    trainingPeakMemory: Number.isFinite(peak) ? peak : null,
  };
}

/** @param text of metrics.jsonl; lines that are not epochs are skipped */
export function stageTimes(text: string): StageTime[] {
  const stages = new Map<string, StageTime>();
  for (const line of text.split("\n")) {
    const { stage, seconds } = parsed(line);
    if (typeof stage !== "string" || typeof seconds !== "number") continue;
    const stageTime = stages.get(stage) ?? { stage, epochs: 0, seconds: 0 };
    stages.set(stage, { stage, epochs: stageTime.epochs + 1, seconds: stageTime.seconds + seconds });
  }
  return [...stages.values()];
}

function parsed(line: string): { stage?: unknown; seconds?: unknown } {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
