/** "macro F1 0.899": the best score of a stage as `train` gives it. Higher is better there, so that a loss comes negative. */
export const scoreText = (name: string, select: string, score: number): string =>
  `${name} ${(select === "loss" ? -score : score).toFixed(3)}`;
