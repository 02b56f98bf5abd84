/** In which form a computation can be written: for any number of slices, for any up to a limit, or for one alone. */
import { TorchError } from "@slicestack/torch";

/** How many volumes, or slices of a volume, a graph takes. */
export type Extent = { kind: "any" } | { kind: "most"; count: number } | { kind: "fixed"; count: number };

export const extentText = (extent: Extent): string =>
  extent.kind === "any" ? "any" : extent.kind === "most" ? `1..${extent.count}` : String(extent.count);

/**
 * The first of the forms that can be recorded. What an op refuses, or what does not fit at a recorded size, only tells
 * that the form is not this one; where none can be recorded, the first reason counts.
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

/** A model's own refusal of a size. */
const isShapeError = (error: unknown): boolean => error instanceof Error && error.name === "ModelError";
