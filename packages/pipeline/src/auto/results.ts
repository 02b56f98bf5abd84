/** What each step found out, as auto.json keeps it. */
import { METRICS } from "@slicestack/stats";
import { z } from "zod";
import { CANDIDATES, FINAL } from "./folder.js";

const name = z.enum(CANDIDATES);
const number = z.number();
const bound = z.number().nullable();

export const scansSchema = z.strictObject({
  scans: z.int(),
  subjects: z.int(),
  classes: z.array(z.strictObject({ name: z.string(), scans: z.int(), subjects: z.int() })),
});

export const preparedSchema = z.strictObject({
  hash: z.string(),
  volumes: z.int(),
  quarantined: z.int(),
  warnings: z.array(z.string()),
});

export const auditedSchema = z.strictObject({
  /** What would have stopped it without `allowLeaks`. */
  leaks: z.array(z.string()),
  warnings: z.array(z.string()),
});

export const heldSchema = z.strictObject({
  test: z.array(z.string()),
  origin: z.enum(["drawn", "official"]),
  /** Subjects of each class outside the test set. */
  subjects: z.array(z.int()),
  warnings: z.array(z.string()),
});

export const planSchema = z.strictObject({
  folds: z.int(),
  candidates: z.array(z.strictObject({ name, epochs: z.int(), seconds: number })),
  seconds: number,
  reasons: z.array(z.string()),
  warnings: z.array(z.string()),
  /** SHA-256 of the folds. */
  split: z.string(),
});
export type Planned = z.output<typeof planSchema>;

export const selectedSchema = z.strictObject({
  metric: z.enum(METRICS),
  scores: z.array(z.strictObject({ name, folds: z.array(number), mean: number, standardError: number })),
  best: name,
  limit: number,
  chosen: name,
  ensemble: z
    .strictObject({
      score: number,
      chosenScore: number,
      difference: z.strictObject({ value: number, low: bound, high: bound }),
      subjects: z.int(),
    })
    .nullable(),
  final: z.enum(FINAL),
});

const scored = z.strictObject({ value: bound, low: bound, high: bound });

export const modelScoresSchema = z.strictObject({
  model: z.string(),
  /** With 95 % intervals; null where a metric is undefined or has none. */
  metrics: z.partialRecord(z.enum(METRICS), scored),
});
export type ModelScores = z.output<typeof modelScoresSchema>;

export const testedSchema = z.strictObject({
  models: z.array(modelScoresSchema),
  volumes: z.int(),
  subjects: z.int(),
  /** How often the run that read the test set most often did so, by its ledger: more than once after a kill in the middle. */
  reads: z.int().default(1),
});
export type Tested = z.output<typeof testedSchema>;

export const bundledSchema = z.strictObject({ bytes: z.int(), sha256: z.string(), models: z.int() });
export type Bundled = z.output<typeof bundledSchema>;
