/** Chooses the form in which a computation is written: for any number of slices, up to a limit, or for a single one. */
import { TorchError } from "@slicestack/torch";

/** How many volumes, or slices of a volume, a graph takes. */
export type Extent = { kind: "any" } | { kind: "most"; count: number } | { kind: "fixed"; count: number };

export const extentText = (extent: Extent): string =>
  extent.kind === "any" ? "any" : extent.kind === "most" ? `1..${extent.count}` : String(extent.count);

/**
 * Returns the first of the forms that can be recorded. An op that refuses, or a size that does not fit, only rules out
 * this form. If none can be recorded, the first reason is thrown.
 */
export function firstForm<T>(forms: readonly (() => T)[]): T {
  const reasons: TorchError[] = [];
  for (const form of forms) {
    try {
      return form();
    } catch (error) {
      if (!(error instanceof TorchError) && !isShapeError(error)) throw error;
      reasons.push(error as TorchError);
    }
  }
  throw reasons[0] ?? new TypeError("firstForm: expected forms, received none");
}

/** Whether an error is a model's refusal of a size. */
const isShapeError = (error: unknown): boolean => error instanceof Error && error.name === "ModelError";
