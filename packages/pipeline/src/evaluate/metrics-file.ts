/** metrics.json: all numbers of an evaluation, and their schema. NaN and infinities are null in the file. */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { RunError } from "../run/folder.js";
import type { Analysis } from "./analysis/analysis.js";
import { PROTOCOLS, type Protocol } from "./analysis/protocols.js";
import type { ModelDifference } from "./compare/models.js";
import type { ModelSummary } from "./summary.js";

export interface MetricsFile extends Analysis {
  version: 2;
  protocol: Protocol;
  run: {
    name: string;
    method: string;
    seed: number;
    mainModel: string;
    classes: string[];
    ordinal: boolean;
    dataset: { name: string; hash: string };
    splitHash: string;
    /** The scored data set, if it was not the run's data set. */
    external: { name: string; hash: string } | null;
    labelsShuffled: boolean;
  };
  /** Empty under the paper protocol, which does not use test. */
  test: ModelSummary[];
  val: ModelSummary[];
  /** Of the main model from others, on the scored part. */
  differences: ModelDifference[];
}

const number = z.number().nullable();
const numbers = z.array(number);
const texts = z.array(z.string());
const part = z.enum(["val", "test"]);
const interval = z.object({ low: number, high: number, level: z.number(), method: z.string() });
const estimate = z.object({ value: number, interval });
const metrics = z.record(z.string(), estimate);
const point = z.object({ count: number, confidence: number, accuracy: number, interval, subjects: number });
const roc = z.object({ falsePositiveRate: numbers, truePositiveRate: numbers, threshold: numbers });
const band = z.object({ x: numbers, y: z.array(estimate) });
const threshold = z.object({ numerator: z.number(), denominator: z.number() });

const summary = z.object({
  model: z.string(),
  part,
  classes: texts,
  ordinal: z.boolean(),
  volumes: z.int(),
  subjects: z.int(),
  metrics,
  perClass: z.array(
    z.object({
      name: z.string(),
      support: z.int(),
      subjects: z.int(),
      small: z.boolean(),
      precision: estimate,
      recall: estimate,
      f1: estimate,
      auroc: estimate,
      // Missing from files of earlier versions.
      specificity: estimate.optional(),
      npv: estimate.optional(),
    }),
  ),
  confusion: z.array(z.array(z.number())),
  baseRate: number,
  reliability: z.array(point),
  roc: z.array(z.object({ name: z.string(), auroc: number, curve: roc })),
  bootstrap: z.object({ resamples: z.int(), level: z.number(), seed: z.number() }),
  warnings: texts,
});

const pairTest = z.object({ difference: estimate, test: z.string(), p: number, adjusted: number });

const subgroup = z.object({
  model: z.string(),
  column: z.string(),
  rule: z.string(),
  groups: z.array(
    z.object({
      name: z.string(),
      volumes: z.int(),
      subjects: z.int(),
      small: z.boolean(),
      classes: numbers,
      metrics: z.record(
        z.string(),
        z.object({ estimate, difference: estimate, p: number, adjusted: number }),
      ),
    }),
  ),
  notes: texts,
});

const calibration = z.object({
  model: z.string(),
  classes: z.int(),
  priors: z.object({ trained: numbers, target: numbers }).nullable(),
  temperature: z.object({
    temperature: z.number(),
    atBound: z.boolean(),
    volumes: z.int(),
    nllBefore: number,
    nllAfter: number,
  }),
  variants: z.array(
    z.object({ name: z.string(), metrics, nllDifference: estimate.nullable(), reliability: z.array(point) }),
  ),
  brier: z.record(z.string(), number),
});

const sets = z.object({
  model: z.string(),
  fitted: z.object({
    miss: z.number(),
    score: z.string(),
    byClass: z.boolean(),
    quantile_C: numbers,
    subjects_C: numbers,
  }),
  test: z.object({
    coverage: estimate,
    subjectCoverage: estimate,
    meanSize: estimate,
    sizes: numbers,
    perClass: z.array(z.object({ support: z.int(), small: z.boolean(), coverage: estimate })),
  }),
});

/** The content of `metrics.json`; docs/reference/metrics.md describes it. */
export const metricsSchema = z.object({
  version: z.literal(2),
  protocol: z.enum(PROTOCOLS),
  run: z.object({
    name: z.string(),
    method: z.string(),
    seed: z.number(),
    mainModel: z.string(),
    classes: texts,
    ordinal: z.boolean(),
    dataset: z.object({ name: z.string(), hash: z.string() }),
    splitHash: z.string(),
    external: z.object({ name: z.string(), hash: z.string() }).nullable(),
    labelsShuffled: z.boolean(),
  }),
  test: z.array(summary),
  val: z.array(summary),
  differences: z.array(
    z.object({
      first: z.string(),
      second: z.string(),
      part,
      subjects: z.int(),
      metrics,
      p: z.record(z.string(), number),
    }),
  ),
  protocols: z
    .array(z.object({ model: z.string(), paper: metrics, clean: metrics, optimism: metrics }))
    .nullable(),
  pairs: z
    .object({
      part,
      subjects: z.int(),
      volumes: z.int(),
      pairs: z.array(
        z.object({ first: z.string(), second: z.string(), metrics: z.record(z.string(), pairTest) }),
      ),
      notes: texts,
    })
    .nullable(),
  votes: z
    .object({
      steps: z.array(z.object({ threshold, accuracy: number, balancedAccuracy: number, macroF1: number })),
      best: threshold,
      criterion: z.string(),
      slices: z.int(),
      volumes: z.int(),
    })
    .nullable(),
  thresholds: z.array(
    z.object({
      model: z.string(),
      threshold: z.number(),
      rule: z.object({ kind: z.string(), atLeast: z.number().optional() }),
      // null: chosen by an earlier evaluation.
      onVal: z
        .object({ positives: z.int(), negatives: z.int(), sensitivity: number, specificity: number })
        .nullable(),
      test: metrics,
    }),
  ),
  calibration: calibration.nullable(),
  sets: z.array(sets),
  selective: z.array(
    z.object({
      model: z.string(),
      curve: z.object({ coverage: numbers, risk: numbers, confidence: numbers }),
      at: z.array(z.object({ coverage: z.number(), risk: estimate })),
      bestArea: number,
    }),
  ),
  curves: z.array(
    z.object({
      model: z.string(),
      class: z.string(),
      roc,
      rocBand: band,
      precisionRecall: z.object({
        recall: numbers,
        precision: numbers,
        threshold: numbers,
        baseRate: number,
      }),
      precisionRecallBand: band,
    }),
  ),
  decisionCurve: z
    .object({
      threshold: numbers,
      model: z.array(estimate),
      treatAll: numbers,
      treatNone: numbers,
      gain: z.array(estimate),
    })
    .nullable(),
  subgroups: z.array(subgroup),
  failures: z.array(
    z.object({
      id: z.string(),
      subject: z.string(),
      label: z.int(),
      predicted: z.int(),
      confidence: z.number(),
      slices: z.array(z.object({ slice: z.int(), weight: z.number() })),
    }),
  ),
  control: z
    .object({ model: z.string(), metric: z.string(), chance: z.number(), estimate, atChance: z.boolean() })
    .nullable(),
});

export function metricsText(metrics: MetricsFile): string {
  return `${JSON.stringify(metrics, null, 2)}\n`;
}

/** @throws RunError if the file is missing, or is not of this version */
export function readMetrics(path: string): MetricsFile {
  return parseMetrics(path, metricsSchema, "RUN") as MetricsFile;
}

/** The numbers of a run or a group, with NaN for null. @param what RUN or GROUP, for the command in the remedy */
export function parseMetrics(path: string, schema: z.ZodType, what: string): unknown {
  if (!existsSync(path))
    throw new RunError(path, "not found", `Score the run first: slicestack evaluate ${what}`);
  const again = `Score the run again: slicestack evaluate ${what}`;
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new RunError(
      path,
      `expected JSON (${error instanceof Error ? error.message : String(error)})`,
      again,
    );
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new RunError(path, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not metrics"}`, again);
  }
  return withNaN(json);
}

/** Keys whose null means that a value does not exist; all other nulls are NaN. */
const NULLABLE = new Set([
  "protocols",
  "pairs",
  "votes",
  "calibration",
  "decisionCurve",
  "control",
  "external",
  "priors",
  "nllDifference",
  "baseRate",
  "quantile_C",
  "onVal",
]);

function withNaN(value: unknown, key = ""): unknown {
  if (value === null) return NULLABLE.has(key) ? null : Number.NaN;
  if (Array.isArray(value)) return value.map((item) => withNaN(item, key));
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withNaN(item, name)]));
}
