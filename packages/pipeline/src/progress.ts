/** One report of how far a stage has come. `done` and `total` are counted in `unit` (volumes, slices, steps …). */
export interface Progress {
  stage: string;
  done: number;
  total: number;
  unit: string;
  message?: string;
  metrics?: Record<string, number>;
}
