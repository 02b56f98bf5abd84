/** How long the stages after the running one will take, as far as the running one tells. */
import type { JobContext } from "../engine/job.js";
import type { StageName } from "../config/stages.js";
import type { RunConfig } from "../config/types.js";
import type { OpenRun } from "../run/open-run.js";
import type { Progress } from "../engine/progress.js";

/** A part of a run as progress names it, with its size in passes of a slice through the trunk. */
export interface Piece {
  name: string;
  work: number;
}

/** A step with gradients costs about three passes. The head alone is small beside the trunk. */
const [TRAINING, HEAD] = [3, 0.1];

/** The pieces of the stages that are still to train, in their order. */
export function piecesOfRun({ config, task }: Pick<OpenRun, "config" | "task">, stages: readonly StageName[]): Piece[] {
  const slices = (part: "train" | "val", limit: number | null) =>
    task.parts[part].reduce((sum, { count }) => sum + Math.min(limit ?? Infinity, count), 0);
  const trained = ({ epochs }: { epochs: number }, limit: number | null) =>
    epochs * (TRAINING * slices("train", limit) + slices("val", limit));
  return stages.flatMap((stage) => piecesOfStage(stage, config, slices, trained));
}

function piecesOfStage(
  stage: StageName,
  { method, slice, volume, fineTune }: RunConfig,
  slices: (part: "train" | "val", limit: number | null) => number,
  trained: (config: { epochs: number }, limit: number | null) => number,
): Piece[] {
  if (stage === "slice") return [{ name: "slice stage", work: trained(slice, slice.slicesPerVolume) }];
  if (stage === "fine_tune") return [{ name: "fine_tune stage", work: trained(fineTune, fineTune.slices) }];
  const stageOfVolumes = (share: number) => ({ name: "volume stage", work: share * trained(volume, volume.slices) });
  if (method === "3d") return [stageOfVolumes(1)];
  const embedded = (1 + volume.views) * slices("train", volume.slices) + slices("val", volume.slices);
  return [{ name: "embeddings", work: embedded }, stageOfVolumes(HEAD)];
}

/** Adds to each report of a job how long the later pieces will take, by the speed measured so far. */
export class Forecast {
  #workDone = 0;
  #secondsDone = 0;
  #current: { name: string; first: number; began: number; work: number; seconds: number } | null = null;

  constructor(
    private readonly pieces: readonly Piece[],
    private readonly now: () => number = performance.now.bind(performance),
  ) {}

  /** The same job, whose reports say what is left after their piece. */
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

  /** Work and seconds of everything that this process has done. */
  #measure({ stage, done, total }: Progress, piece: Piece): { work: number; seconds: number } {
    if (this.#current?.name !== stage) {
      this.#workDone += this.#current?.work ?? 0;
      this.#secondsDone += this.#current?.seconds ?? 0;
      // A resumed stage has done some of it before, in a time that nobody knows.
      this.#current = { name: stage, first: done, began: this.now(), work: 0, seconds: 0 };
    }
    this.#current.work = ((done - this.#current.first) / total) * piece.work;
    this.#current.seconds = (this.now() - this.#current.began) / 1000;
    return { work: this.#workDone + this.#current.work, seconds: this.#secondsDone + this.#current.seconds };
  }
}
