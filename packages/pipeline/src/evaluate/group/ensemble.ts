/** Combines the predictions of the members of a group for each volume. */
import { PredictionsError } from "@slicestack/stats";
import { meanOf } from "../../predict/mean-of.js";
import type { Predictions } from "../predictions.js";

/** How the predictions of a part were combined. */
export interface Combination {
  /** mean: every member predicted every volume. out-of-fold: a volume was predicted only by members with it in this part. */
  kind: "mean" | "out-of-fold";
  /** The number of members over whose probabilities the mean is taken for each volume. */
  membersPerVolume: number;
}

/** What a reader should know of scores over the volumes of several folds. */
export const POOLED_FOLDS =
  "Metrics that rank volumes, such as AUROC, rank those of all folds together: models of two folds may have different scales, so that these numbers can be lower than those within the folds, for one method more than for another.";

interface Row {
  subject: string;
  label: number;
  /** Of each member that predicted the volume, in the order of the members. */
  probabilities: number[][];
}

/**
 * For each model and part, the mean probabilities of each volume over the members that predicted it there. Seeds of one
 * split therefore give their ensemble, folds their out-of-fold predictions, and folds with a shared test part the ensemble
 * on it.
 * @param members the predictions of each member, of the same models
 * @throws PredictionsError if members contradict each other on a volume, or volumes have different numbers of predictions
 */
export function ensembleOf(members: readonly (readonly Predictions[])[]): Predictions[] {
  const [first = []] = members;
  return first.map(({ model, part }) => {
    const rows = rowsOf(members, model, part);
    const kept = [...rows];
    return {
      model,
      part,
      ids: kept.map(([id]) => id),
      subjects: kept.map(([, { subject }]) => subject),
      labels: kept.map(([, { label }]) => label),
      probabilities: kept.map(([, { probabilities: said }]) => meanOf(said)),
    };
  });
}

/** The mean of several models' probabilities for the same volumes, under a name. @throws the errors of ensembleOf */
export const meanPredictions = (predictions: readonly Predictions[], model: string): Predictions =>
  ensembleOf(predictions.map((one) => [{ ...one, model }]))[0]!;

/** The combination of one part, from any of its models. @throws the errors of ensembleOf */
export function combinationOf(
  members: readonly (readonly Predictions[])[],
  part: "val" | "test",
): Combination {
  const model = members[0]?.find((predictions) => predictions.part === part)?.model ?? "";
  const [row] = rowsOf(members, model, part).values();
  const membersPerVolume = row?.probabilities.length ?? 0;
  return { kind: membersPerVolume === members.length ? "mean" : "out-of-fold", membersPerVolume };
}

function rowsOf(
  members: readonly (readonly Predictions[])[],
  model: string,
  part: "val" | "test",
): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const member of members) {
    const memberRows = member.find((candidate) => candidate.model === model && candidate.part === part);
    if (memberRows === undefined)
      throw new PredictionsError(`a member has no predictions of ${model} on ${part}`);
    memberRows.ids.forEach((id, i) => {
      const [subject, label, memberProbabilities] = [
        memberRows.subjects[i]!,
        memberRows.labels[i]!,
        memberRows.probabilities[i]!,
      ];
      const row = rows.get(id) ?? { subject, label, probabilities: [] };
      if (row.subject !== subject || row.label !== label)
        throw new PredictionsError(
          `${model} ${part}: members give volume ${id} different subjects or labels`,
        );
      row.probabilities.push(memberProbabilities);
      rows.set(id, row);
    });
  }
  const counts = new Set(
    [...rows.values()].map(({ probabilities: memberProbabilities }) => memberProbabilities.length),
  );
  if (counts.size > 1)
    throw new PredictionsError(
      `${model} ${part}: some volumes have ${Math.min(...counts)} predictions, others ${Math.max(...counts)}: ` +
        "members are missing, or do not belong to one cross-validation",
    );
  return rows;
}
