/** Estimates the duration of later stages from the speed of the running one. */
import type { JobContext } from "../engine/job.js";
import type { StageName } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import type { OpenRun } from "../run/open-run.js";
import type { Progress } from "../engine/progress.js";

/** A part of a run under its name in progress reports; its work is counted in forward passes of one slice through the trunk. */
export interface Piece {
  name: string;
  work: number;
}

/** A step with gradients costs about three passes. The head is small compared with the trunk. */
const [TRAINING, HEAD] = [3, 0.1];

/** The parts of the stages that remain to be trained, in order. */
export function piecesOfRun(
  { config, task }: Pick<OpenRun, "config" | "task">,
  stages: readonly StageName[],
): Piece[] {
  const slices = (part: "train" | "val", limit: number | null) =>
    task.parts[part].reduce((sum, { count }) => sum + Math.min(limit ?? Infinity, count), 0);
  const trained = ({ epochs }: { epochs: number }, limit: number | null) =>
    epochs * (TRAINING * slices("train", limit) + slices("val", limit));
  return stages.flatMap((stage) => piecesOfStage(stage, config, slices, trained));
}

function piecesOfStage(
  stage: StageName,
  config: RunConfig,
  slices: (part: "train" | "val", limit: number | null) => number,
  trained: (stage: { epochs: number }, limit: number | null) => number,
): Piece[] {
  if (config.method === "3d") return [{ name: "volume stage", work: trained(config.network, null) }];
  const { slice } = config;
  if (config.method === "2d" || stage === "slice")
    return [{ name: "slice stage", work: trained(slice, slice.slicesPerVolume) }];
  const { head, fineTune } = config;
  if (stage === "fine_tune") return [{ name: "fine_tune stage", work: trained(fineTune, fineTune.slices) }];
  const embedded = (1 + head.views) * slices("train", head.slices) + slices("val", head.slices);
  return [
    { name: "embeddings", work: embedded },
    { name: "volume stage", work: HEAD * trained(head, head.slices) },
  ];
}

/** Adds to each report of a job the estimated duration of the later parts, from the speed measured so far. */
export class Forecast {
  #workDone = 0;
  #secondsDone = 0;
  #current: { name: string; first: number; began: number; work: number; seconds: number } | null = null;

  constructor(
    private readonly pieces: readonly Piece[],
    private readonly now: () => number = performance.now.bind(performance),
  ) {}

  /** The same job, with the remaining time added to its reports. */
  of(job: JobContext): JobContext {
    return { ...job, report: (progress) => job.report(this.extend(progress)) };
  }

  extend(progress: Progress): Progress {
    const index = this.pieces.findIndex(({ name }) => name === progress.stage);
    if (index < 0 || progress.total <= 0) return progress;
    const { work, seconds } = this.#measure(progress, this.pieces[index]!);
    const rest = this.pieces.slice(index + 1).reduce((sum, piece) => sum + piece.work, 0);
    if (rest === 0 || work <= 0 || seconds <= 0) return progress;
    return { ...progress, later: (rest * seconds) / work };
  }

  /** The work and the seconds of this process so far. */
  #measure({ stage, done, total }: Progress, piece: Piece): { work: number; seconds: number } {
    if (this.#current?.name !== stage) {
      this.#workDone += this.#current?.work ?? 0;
      this.#secondsDone += this.#current?.seconds ?? 0;
      // A resumed stage did part of the work earlier, in an unknown time.
      this.#current = { name: stage, first: done, began: this.now(), work: 0, seconds: 0 };
    }
    this.#current.work = ((done - this.#current.first) / total) * piece.work;
    this.#current.seconds = (this.now() - this.#current.began) / 1000;
    return { work: this.#workDone + this.#current.work, seconds: this.#secondsDone + this.#current.seconds };
  }
}
