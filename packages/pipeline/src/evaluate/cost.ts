/** What a run cost, and what its model costs: cost.json. Times and memory are of one machine, so they stand apart from metrics.json. */
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
  /** The most memory of the process that trained, in bytes; null where it was not written down. */
  trainingPeakMemory: number | null;
}

/** @param log path of metrics.jsonl, which an imported checkpoint has not */
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

/** @param text of metrics.jsonl; what is no epoch is passed over */
export function stageTimes(text: string): StageTime[] {
  const stages = new Map<string, StageTime>();
  for (const line of text.split("\n")) {
    const { stage, seconds } = parsed(line);
    if (typeof stage !== "string" || typeof seconds !== "number") continue;
    const own = stages.get(stage) ?? { stage, epochs: 0, seconds: 0 };
    stages.set(stage, { stage, epochs: own.epochs + 1, seconds: own.seconds + seconds });
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
