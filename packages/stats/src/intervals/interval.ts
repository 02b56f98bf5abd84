/** A confidence interval and how it was computed. */
import { RangeOfParameterError } from "../errors.js";

/** How an interval was computed; "none" where the data do not determine one (its bounds are NaN). */
export type IntervalMethod =
  | "wilson"
  | "wilson, clustered"
  | "wilson, bootstrap"
  | "wilson, combined"
  | "log t, bootstrap"
  | "t, bootstrap"
  | "newcombe"
  | "clopper-pearson"
  | "delong"
  | "t, corrected"
  | "none";

export interface Interval {
  low: number;
  high: number;
  /** e.g. 0.95 */
  level: number;
  method: IntervalMethod;
}

/** A number with its interval. */
export interface Estimate {
  value: number;
  interval: Interval;
}

export function noInterval(level: number): Interval {
  return { low: Number.NaN, high: Number.NaN, level, method: "none" };
}

/** @throws RangeOfParameterError unless 0 < level < 1 */
export function checkLevel(level: number): void {
  if (!(level > 0 && level < 1))
    throw new RangeOfParameterError("level", "a number between 0 and 1", String(level));
}
