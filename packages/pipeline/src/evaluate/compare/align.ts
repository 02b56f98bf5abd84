/** Aligns the predictions of several models row by row. */
import { PredictionsError } from "@slicestack/stats";
import { checkPredictions, type Predictions } from "../predictions.js";

/**
 * The models with their volumes in the order of the first model, so that row i is the same volume in all of them.
 * @throws PredictionsError if they were not scored on the same volumes, subjects and labels; the errors of
 *   checkPredictions
 */
export function alignModels(models: readonly Predictions[], classes: number): Predictions[] {
  for (const model of models) checkPredictions(model, classes);
  return models.map((model, k) => (k === 0 ? model : inOrderOf(models[0]!, model)));
}

function inOrderOf(first: Predictions, second: Predictions): Predictions {
  const pair = `${first.model} and ${second.model} cannot be compared`;
  if (first.part !== second.part)
    throw new PredictionsError(`${pair}: one was scored on ${first.part}, the other on ${second.part}`);
  if (first.ids.length !== second.ids.length)
    throw new PredictionsError(
      `${pair}: one has ${first.ids.length} volumes, the other ${second.ids.length}`,
    );
  const row = new Map(second.ids.map((id, i) => [id, i]));
  const order = first.ids.map((id, i) => {
    const j = row.get(id);
    if (j === undefined)
      throw new PredictionsError(`${pair}: volume ${id} was not predicted by ${second.model}`);
    if (first.labels[i] !== second.labels[j] || first.subjects[i] !== second.subjects[j])
      throw new PredictionsError(`${pair}: volume ${id} has another label or subject in ${second.model}`);
    return j;
  });
  return {
    ...second,
    ids: [...first.ids],
    subjects: [...first.subjects],
    labels: [...first.labels],
    probabilities: order.map((j) => second.probabilities[j]!),
  };
}
