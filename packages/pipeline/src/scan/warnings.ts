/**
 * Warns if the geometry, the values, the headers or the embedding of a scan are unlike those of the training scans. A
 * warning changes no number.
 */
import { familiarityDistance } from "@slicestack/stats/internal/applied";
import { familiarityWarnings, preparationDoubts, type ScanWarning } from "@slicestack/volume";
import type { Decision, Familiarity } from "../models/decision.js";
import type { PreparedScan } from "../data/prepare/volume.js";

/** The properties of a scan that are compared. */
export interface ComparedScan {
  prepared: Pick<PreparedScan, "slices_SHW" | "original" | "facts">;
  /** Facts about the acquisition from the headers. */
  facts: Readonly<Record<string, string>>;
  /** The embedding by the model whose familiarity is used; null if it has none. */
  embedding: ArrayLike<number> | null;
}

/** @param decision null if the model was not evaluated, so that there is nothing to compare with */
export function warningsOf(
  scan: ComparedScan,
  decision: Pick<Decision, "familiarity"> | null,
): ScanWarning[] {
  const familiarity = decision?.familiarity ?? null;
  const prepared = preparationDoubts(scan.prepared.facts).map((message) => ({ code: "prepared", message }));
  if (familiarity === null) return prepared;
  const { slices_SHW, original } = scan.prepared;
  return [
    ...prepared,
    ...familiarityWarnings({ slices_SHW, original, facts: scan.facts }, familiarity),
    ...embeddingWarnings(scan.embedding, familiarity),
  ];
}

function embeddingWarnings(
  embedding: ArrayLike<number> | null,
  { embedding: known, falseAlarmRate }: Familiarity,
): ScanWarning[] {
  if (embedding === null || known === null || known.limit === null) return [];
  const distance = familiarityDistance(known.model, embedding);
  if (distance <= known.limit) return [];
  const message =
    `The model's embedding of this scan is unlike those of its training volumes: distance ${short(distance)}, ` +
    `where ${short(100 * (1 - falseAlarmRate))} % of validation volumes are within ${short(known.limit)}`;
  return [{ code: "embedding", message }];
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
