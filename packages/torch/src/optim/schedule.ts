/**
 * Learning rates over time. Time is counted from 0 in steps or in epochs, as the caller prefers; all lengths of a
 * schedule are in the same unit.
 */
import { ArgumentError } from "../errors.js";

/** The state of a schedule: plain numbers for JSON, null for "not yet set". */
export type ScheduleState = Record<string, number | null>;

export interface Schedule {
  /** The rate at time `t` = 0, 1, 2, … */
  learningRate(t: number): number;
  /** Reports the metric of the epoch that just ended; only `PlateauSchedule` uses it. */
  observe(metric: number): void;
  state(): ScheduleState;
  /** @throws ArgumentError where the state belongs to another schedule */
  restore(state: ScheduleState): void;
}

/** A schedule that depends only on time. */
abstract class TimedSchedule implements Schedule {
  abstract learningRate(t: number): number;
  /** The schedule depends only on time, so it has no state. */
  observe(): void {}
  state(): ScheduleState {
    return {};
  }
  restore(state: ScheduleState): void {
    const keys = Object.keys(state);
    if (keys.length > 0)
      throw new ArgumentError(`state: expected no keys, received ${keys.join(", ")}`, this.constructor.name);
  }
}

export class ConstantSchedule extends TimedSchedule {
  readonly #rate: number;
  constructor({ learningRate }: { learningRate: number }) {
    super();
    this.#rate = notNegative("learningRate", learningRate);
  }
  learningRate(): number {
    return this.#rate;
  }
}

export interface StepOptions {
  learningRate: number;
  /** Time between two drops. */
  size: number;
  /** Factor of a drop, default 0.1. */
  gamma?: number;
}
/** PyTorch's StepLR: the rate times gamma after every `size`. */
export class StepSchedule extends TimedSchedule {
  readonly #options: Required<StepOptions>;
  constructor({ learningRate, size, gamma = 0.1 }: StepOptions) {
    super();
    notNegative("learningRate", learningRate);
    notNegative("gamma", gamma);
    this.#options = { learningRate, size: whole("size", size, 1), gamma };
  }
  learningRate(t: number): number {
    const { learningRate, size, gamma } = this.#options;
    return learningRate * gamma ** Math.floor(whole("t", t) / size);
  }
}

export interface CosineOptions {
  learningRate: number;
  /** Warm-up and cosine together. */
  total: number;
  /** Default 0. */
  warmup?: number;
  /** The rate at the end, default 0. */
  minimum?: number;
}
/**
 * A linear warm-up to the full rate, then half a cosine down: PyTorch's LinearLR (from rate / (warmup + 1))
 * followed by CosineAnnealingLR. At `total` and later, the rate is the minimum.
 */
export class CosineSchedule extends TimedSchedule {
  readonly #options: Required<CosineOptions>;
  constructor({ learningRate, total, warmup = 0, minimum = 0 }: CosineOptions) {
    super();
    notNegative("learningRate", learningRate);
    notNegative("minimum", minimum);
    this.#options = {
      learningRate,
      total: whole("total", total, 1),
      warmup: whole("warmup", warmup),
      minimum,
    };
    if (warmup >= total)
      throw new ArgumentError(
        `warmup: expected less than total ${total}, received ${warmup}`,
        "CosineSchedule",
      );
  }
  learningRate(t: number): number {
    const { learningRate, total, warmup, minimum } = this.#options;
    if (whole("t", t) < warmup) return (learningRate * (t + 1)) / (warmup + 1);
    return between(learningRate, minimum, Math.min(1, (t - warmup) / (total - warmup)));
  }
}

export interface OneCycleOptions {
  /** The highest rate. */
  learningRate: number;
  /** Number of times t = 0 .. total - 1. */
  total: number;
  /** Share of the rise, default 0.3. */
  riseShare?: number;
  /** Highest rate / first rate, default 25. */
  divisor?: number;
  /** First rate / last rate, default 1e4. */
  finalDivisor?: number;
}
/** PyTorch's OneCycleLR with cosine annealing, rate only (no momentum). Smith and Topin, arXiv 1708.07120. */
export class OneCycleSchedule extends TimedSchedule {
  readonly #options: Required<OneCycleOptions>;
  constructor({ learningRate, total, riseShare = 0.3, divisor = 25, finalDivisor = 1e4 }: OneCycleOptions) {
    super();
    notNegative("learningRate", learningRate);
    if (!(riseShare >= 0 && riseShare <= 1))
      throw new ArgumentError(`riseShare: expected 0..1, received ${riseShare}`, "OneCycleSchedule");
    for (const [name, value] of Object.entries({ divisor, finalDivisor })) {
      if (!(value > 0))
        throw new ArgumentError(`${name}: expected a number above 0, received ${value}`, "OneCycleSchedule");
    }
    this.#options = { learningRate, total: whole("total", total, 1), riseShare, divisor, finalDivisor };
  }
  learningRate(t: number): number {
    const { learningRate, total, riseShare, divisor, finalDivisor } = this.#options;
    const first = learningRate / divisor;
    const last = first / finalDivisor;
    const top = riseShare * total - 1;
    const end = total - 1;
    const now = Math.min(whole("t", t), end);
    if (now <= top && top > 0) return between(first, learningRate, now / top);
    return now < end ? between(learningRate, last, (now - top) / (end - top)) : last;
  }
}

export interface PlateauOptions {
  learningRate: number;
  /** `min` for a loss (default), `max` for an accuracy. */
  mode?: "min" | "max";
  /** Default 0.1. */
  factor?: number;
  /** Number of observations without an improvement that are tolerated. Default 10. */
  patience?: number;
  /** Relative change that counts as an improvement. Default 1e-4. */
  threshold?: number;
  /** Number of observations after a drop that are ignored. Default 0. */
  cooldown?: number;
  /** Default 0. */
  minimum?: number;
}
/** PyTorch's ReduceLROnPlateau with a relative threshold: the rate drops where the metric no longer improves. */
export class PlateauSchedule implements Schedule {
  readonly #options: Required<PlateauOptions>;
  #rate: number;
  #best: number | null = null;
  #bad = 0;
  #cooldown = 0;

  constructor(options: PlateauOptions) {
    const {
      learningRate,
      mode = "min",
      factor = 0.1,
      patience = 10,
      threshold = 1e-4,
      cooldown = 0,
      minimum = 0,
    } = options;
    for (const [name, value] of Object.entries({ learningRate, threshold, minimum }))
      notNegative(name, value);
    if (!(factor > 0 && factor < 1))
      throw new ArgumentError(
        `factor: expected a number between 0 and 1, received ${factor}`,
        "PlateauSchedule",
      );
    this.#options = {
      learningRate,
      mode,
      factor,
      patience: whole("patience", patience),
      threshold,
      cooldown: whole("cooldown", cooldown),
      minimum,
    };
    this.#rate = learningRate;
  }

  /** The current rate, whatever the time. */
  learningRate(): number {
    return this.#rate;
  }

  observe(metric: number): void {
    if (this.#improves(metric)) {
      this.#best = metric;
      this.#bad = 0;
    } else {
      this.#bad++;
    }
    if (this.#cooldown > 0) {
      this.#cooldown--;
      this.#bad = 0;
    }
    if (this.#bad <= this.#options.patience) return;
    this.#drop();
    this.#cooldown = this.#options.cooldown;
    this.#bad = 0;
  }

  state(): ScheduleState {
    return { rate: this.#rate, best: this.#best, bad: this.#bad, cooldown: this.#cooldown };
  }

  restore(state: ScheduleState): void {
    const { rate, best, bad, cooldown } = state;
    if (
      typeof rate !== "number" ||
      best === undefined ||
      typeof bad !== "number" ||
      typeof cooldown !== "number"
    ) {
      throw new ArgumentError(
        `state: expected rate, best, bad and cooldown, received ${Object.keys(state).join(", ")}`,
        "PlateauSchedule",
      );
    }
    [this.#rate, this.#best, this.#bad, this.#cooldown] = [rate, best, bad, cooldown];
  }

  // NaN never improves, so a diverged run lowers its rate.
  #improves(metric: number): boolean {
    const { mode, threshold } = this.#options;
    if (this.#best === null) return !Number.isNaN(metric);
    return mode === "min" ? metric < this.#best * (1 - threshold) : metric > this.#best * (1 + threshold);
  }

  // Drops smaller than 1e-8 are skipped, as in PyTorch.
  #drop(): void {
    const lower = Math.max(this.#rate * this.#options.factor, this.#options.minimum);
    if (this.#rate - lower > 1e-8) this.#rate = lower;
  }
}

/** Half a cosine from start (share 0) to end (share 1). */
function between(start: number, end: number, share: number): number {
  return end + ((start - end) / 2) * (1 + Math.cos(Math.PI * share));
}

function notNegative(name: string, value: number): number {
  if (!(value >= 0) || value === Infinity)
    throw new ArgumentError(`${name}: expected a finite number >= 0, received ${value}`, "Schedule");
  return value;
}

function whole(name: string, value: number, least = 0): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new ArgumentError(`${name}: expected a whole number >= ${least}, received ${value}`, "Schedule");
  }
  return value;
}
