/** What the members of a group say together about each volume. */
import { PredictionsError } from "@slicestack/stats";
import type { Predictions } from "../predictions.js";

/** How the predictions of a part were brought together. */
export interface Combination {
  /** mean: every member saw every volume. out-of-fold: each volume was seen by those members alone whose part it is in. */
  kind: "mean" | "out-of-fold";
  /** How many members' probabilities each volume's are the mean of. */
  membersPerVolume: number;
}

interface Row {
  subject: string;
  label: number;
  /** Of each member that predicted the volume, in the order of the members. */
  said: number[][];
}

/**
 * For each model and part, each volume once: the mean probabilities of the members that predicted it there. So seeds of one
 * split give their ensemble, folds their out-of-fold predictions, and folds with a test part in common the ensemble on it.
 * @param members the predictions of each member, of the same models
 * @throws PredictionsError where members contradict each other on a volume, or a volume has more predictions than another
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
      probabilities: kept.map(([, { said }]) => meanRow(said)),
    };
  });
}

/** Of one part, told from any of its models. @throws the errors of ensembleOf */
export function combinationOf(members: readonly (readonly Predictions[])[], part: "val" | "test"): Combination {
  const model = members[0]?.find((one) => one.part === part)?.model ?? "";
  const [row] = rowsOf(members, model, part).values();
  const membersPerVolume = row?.said.length ?? 0;
  return { kind: membersPerVolume === members.length ? "mean" : "out-of-fold", membersPerVolume };
}

function rowsOf(members: readonly (readonly Predictions[])[], model: string, part: "val" | "test"): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const member of members) {
    const own = member.find((one) => one.model === model && one.part === part);
    if (own === undefined) throw new PredictionsError(`a member has no predictions of ${model} on ${part}`);
    own.ids.forEach((id, i) => {
      const [subject, label, said] = [own.subjects[i]!, own.labels[i]!, own.probabilities[i]!];
      const row = rows.get(id) ?? { subject, label, said: [] };
      if (row.subject !== subject || row.label !== label)
        throw new PredictionsError(`${model} ${part}: members give volume ${id} different subjects or labels`);
      row.said.push(said);
      rows.set(id, row);
    });
  }
  const counts = new Set([...rows.values()].map(({ said }) => said.length));
  if (counts.size > 1)
    throw new PredictionsError(
      `${model} ${part}: some volumes have ${Math.min(...counts)} predictions, others ${Math.max(...counts)}: ` +
        "members are missing, or are not of one cross-validation",
    );
  return rows;
}

function meanRow(said: readonly (readonly number[])[]): number[] {
  return said[0]!.map((_, c) => said.reduce((sum, row) => sum + row[c]!, 0) / said.length);
}
