/**
 * "macro F1 0.899": the best score of a stage as returned by `train`. Higher is better there, so a loss is negative.
 */
export const scoreText = (name: string, select: string, score: number): string =>
  `${name} ${(select === "loss" ? -score : score).toFixed(3)}`;
