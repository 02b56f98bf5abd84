import { crossThreads } from "../engine/thread-errors.js";

/** The data, or the folder of an earlier call, cannot be used as requested. */
export class AutoError extends Error {
  override readonly name = "AutoError";
  constructor(
    /** A file or a folder. */
    readonly path: string,
    readonly problem: string,
    readonly remedy: string,
  ) {
    super(`${path}: ${problem}. ${remedy}`);
  }
}

/** The budget is too short for the smallest plan. */
export class BudgetError extends Error {
  override readonly name = "BudgetError";
  constructor(
    /** Seconds that were given, and the least that would do. */
    readonly budget: number,
    readonly least: number,
    problem: string,
    readonly remedy: string,
  ) {
    super(`${problem}. ${remedy}`);
  }
}

crossThreads(import.meta.url, AutoError, BudgetError);
