/** The errors with the highest confidence, which are worth inspecting first. */
import { argmax } from "@slicestack/stats";
import type { Evidence as SliceEvidence } from "../../predict/prediction.js";
import type { Predictions } from "../predictions.js";

/** The slices of a volume with their weights in its decision. */
export interface Evidence extends SliceEvidence {
  /** what a weight is; default "weight" */
  word?: string;
}

export interface Failure {
  id: string;
  subject: string;
  label: number;
  predicted: number;
  /** probability of the predicted class */
  confidence: number;
  /** the axial slices with the largest weights, largest first; empty if unknown */
  slices: { slice: number; weight: number }[];
}

const MOST = 10;
const SLICES = 6;

/** At most ten, the most confident first; ties by id. */
export function confidentErrors(scored: Predictions, evidence: readonly Evidence[]): Failure[] {
  const { ids, subjects, labels, probabilities } = scored;
  const byId = new Map(evidence.map((volumeEvidence) => [volumeEvidence.id, volumeEvidence]));
  return ids
    .map((id, i): Failure => {
      const predicted = argmax(probabilities[i]!);
      return {
        id,
        subject: subjects[i]!,
        label: labels[i]!,
        predicted,
        confidence: probabilities[i]![predicted]!,
        slices: strongest(byId.get(id)),
      };
    })
    .filter(({ label, predicted }) => label !== predicted)
    .sort((a, b) => b.confidence - a.confidence || (a.id < b.id ? -1 : 1))
    .slice(0, MOST);
}

function strongest(evidence: Evidence | undefined): Failure["slices"] {
  const { weights = null, places = [] } = evidence ?? {};
  if (weights === null) return [];
  return places
    .flatMap((slice, k) => (slice === null ? [] : [{ slice, weight: weights[k] ?? 0 }]))
    .sort((a, b) => b.weight - a.weight || a.slice - b.slice)
    .slice(0, SLICES);
}
