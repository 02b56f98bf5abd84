import type { EpochReport, Progress } from "@slicestack/pipeline";
import cliProgress, { type SingleBar } from "cli-progress";

/** Shows the progress of a command. */
export interface ProgressView {
  report(progress: Progress): void;
  /** Writes a line without breaking a bar. */
  log(line: string): void;
  /** Lets others write to the same terminal without breaking a bar. */
  aside(write: () => void): void;
  /** Ends the current stage and restores the terminal. */
  close(): void;
}

export interface ViewStream extends NodeJS.WritableStream {
  isTTY?: boolean;
}

/** Shows bars on a terminal, otherwise plain lines. @param now milliseconds */
export function createProgressView(stream: ViewStream, now: () => number = Date.now): ProgressView {
  return stream.isTTY ? new BarView(stream, now) : new LineView(stream, now);
}

/** Shows nothing. */
export const silentView: ProgressView = {
  report: () => undefined,
  log: () => undefined,
  aside: (write) => write(),
  close: () => undefined,
};

/** A running stage: its rate is counted from its start, which is not 0 after a resume. */
class Stage {
  readonly #startDone: number;
  readonly #startTime: number;
  #time: number;

  /** @param since when waiting for it began: much is done before a stage reports for the first time */
  constructor(
    public last: Progress,
    time: number,
    readonly since: number,
  ) {
    this.#startDone = last.done;
    this.#startTime = this.#time = time;
  }

  update(progress: Progress, time: number): void {
    this.last = progress;
    this.#time = time;
  }

  continues(progress: Progress): boolean {
    return progress.stage === this.last.stage && progress.done >= this.last.done;
  }

  /** A stage with epochs ends with the row of its last epoch, not with its last step. */
  get finished(): boolean {
    const { done, total, epochs, epoch } = this.last;
    return total > 0 && done >= total && (epochs === undefined || epoch?.epoch === epochs);
  }

  get seconds(): number {
    return (this.#time - this.#startTime) / 1000;
  }

  get rate(): number {
    return this.seconds > 0 ? (this.last.done - this.#startDone) / this.seconds : 0;
  }

  /** Rate and remaining time; after the end of the stage, the time that it took. */
  get pace(): string {
    if (this.finished) return `in ${clock((this.#time - this.since) / 1000)}`;
    if (this.rate <= 0) return "";
    const { done, total, unit, later } = this.last;
    if (total <= 0) return `${short(this.rate)} ${unit}/s`;
    const left = (total - done) / this.rate;
    const inAll = later === undefined ? "" : ` (${clock(left + later)} with the later stages)`;
    return `${short(this.rate)} ${unit}/s, ${clock(left)} left${inAll}`;
  }

  get details(): string {
    const metrics = Object.entries(this.last.metrics ?? {}).map(([name, value]) => `${name} ${short(value)}`);
    return [...metrics, this.last.message ?? ""].filter(Boolean).join("  ");
  }

  get line(): string {
    const { stage, done, total, unit } = this.last;
    const count = total > 0 ? `${done}/${total} ${unit}` : `${done} ${unit}`;
    return `${stage}: ${[count, this.pace, this.details].filter(Boolean).join("  ")}`;
  }
}

/** Plain lines: a row for each epoch, otherwise at most one line per minute for a stage, and one at its end. */
class LineView implements ProgressView {
  static readonly #interval = 60_000;
  #stage: Stage | undefined;
  #printed = 0;
  #pending = false;
  /** When the previous stage ended. */
  #idle: number;

  constructor(
    readonly stream: ViewStream,
    readonly now: () => number,
  ) {
    this.#idle = now();
  }

  report(progress: Progress): void {
    if (!this.#stage?.continues(progress)) this.#begin(progress);
    // A second report of the end says nothing new.
    else if (this.#stage.finished) return;
    else this.#stage.update(progress, this.now());
    if (progress.epoch !== undefined) {
      this.log(epochRow(progress.epoch));
      this.#printed = this.now();
    }
    this.#pending = progress.epoch === undefined || this.#stage?.finished === true;
    if (this.#stage?.finished || this.now() - this.#printed >= LineView.#interval) this.#print();
    this.#idle = this.now();
  }

  log(line: string): void {
    this.stream.write(`${line}\n`);
  }

  aside(write: () => void): void {
    write();
  }

  close(): void {
    if (this.#pending) this.#print();
    this.#stage = undefined;
  }

  #begin(progress: Progress): void {
    this.close();
    this.#stage = new Stage(progress, this.now(), this.#idle);
    this.#printed = this.now();
  }

  #print(): void {
    if (this.#stage) this.log(this.#stage.line);
    this.#printed = this.now();
    this.#pending = false;
  }
}

/** One bar for the running stage; finished stages stay above it. */
class BarView implements ProgressView {
  #stage: Stage | undefined;
  #bar: SingleBar | undefined;
  /** When the previous stage ended. */
  #idle: number;

  constructor(
    readonly stream: ViewStream,
    readonly now: () => number,
  ) {
    this.#idle = now();
  }

  report(progress: Progress): void {
    if (!this.#stage?.continues(progress)) this.#begin(progress);
    else if (this.#stage.finished) return;
    else {
      this.#stage.update(progress, this.now());
      this.#bar?.update(progress.done, payloadOf(this.#stage));
    }
    if (progress.epoch !== undefined) this.log(epochRow(progress.epoch));
    if (this.#stage?.finished) this.#end();
    this.#idle = this.now();
  }

  log(line: string): void {
    this.aside(() => this.stream.write(`${line}\n`));
  }

  aside(write: () => void): void {
    const shown = this.#bar !== undefined;
    this.#stop();
    write();
    if (shown && this.#stage) this.#bar = this.#start(this.#stage);
  }

  close(): void {
    this.#end();
    this.#stage = undefined;
  }

  #begin(progress: Progress): void {
    this.#end();
    this.#stage = new Stage(progress, this.now(), this.#idle);
    this.#bar = this.#start(this.#stage);
  }

  /** Replaces the bar of the running stage by a final line. */
  #end(): void {
    if (this.#bar === undefined) return;
    this.#stop();
    if (this.#stage) this.stream.write(`${this.#stage.line}\n`);
  }

  #stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #start(stage: Stage): SingleBar {
    const { done, total, unit } = stage.last;
    const count = total > 0 ? "{bar} {percentage}% {value}/{total}" : "{value}";
    const bar = new cliProgress.SingleBar({
      stream: this.stream,
      format: `{stage} ${count} ${unit}  {pace}  {details}`,
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      // Signals are handled by the command, which saves first.
      gracefulExit: false,
      fps: 8,
      linewrap: false,
      barCompleteChar: "█",
      barIncompleteChar: "░",
    });
    bar.start(total, done, payloadOf(stage));
    return bar;
  }
}

function payloadOf(stage: Stage): Record<string, string> {
  return { stage: stage.last.stage.padEnd(18), pace: stage.pace, details: stage.details };
}

/** "slice epoch  3/20  train loss 0.6120  val loss 0.6551  macro F1 0.612 (best 0.640, epoch 2)  lr 0.001  0:12" */
export function epochRow({
  stage,
  epoch,
  epochs,
  trainLoss,
  valLoss,
  metric,
  score,
  best,
  ...rest
}: EpochReport): string {
  const number = `${String(epoch).padStart(String(epochs).length)}/${epochs}`;
  const bestWords =
    best.epoch === epoch ? "best so far" : `best ${fixed(best.score, 3)}, epoch ${best.epoch}`;
  return [
    `${stage} epoch ${number}`,
    `train loss ${fixed(trainLoss, 4)}`,
    `val loss ${fixed(valLoss, 4)}`,
    `${metric} ${fixed(score, 3)} (${bestWords})`,
    `lr ${short(rest.learningRate)}`,
    clock(rest.seconds),
  ].join("  ");
}

const fixed = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : "–";

/** Seconds as m:ss or h:mm:ss. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Three significant digits, or whole from 100 on. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
