/**
 * What evaluation learned on the validation set about a trained model: how its probabilities become decisions, and which
 * scans it is familiar with. It lies beside model.json as decision.json; prediction applies it and fits nothing.
 * K classes, E dimensions of the trunk's embedding.
 */
import { existsSync, readFileSync } from "node:fs";
import { correctPriors, TemperatureScaling } from "@slicestack/stats/internal/applied";
import { z } from "zod";
import { writeFileAtomic } from "../data/atomic.js";
import { openSealed, sealedJson } from "../data/sealed-json.js";
import { RunError } from "../run/folder.js";

const finite = z.number();
const range = z.tuple([finite, finite]);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const thresholdRule = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("youden") }),
  z.strictObject({ kind: z.literal("sensitivity"), atLeast: finite }),
  z.strictObject({ kind: z.literal("specificity"), atLeast: finite }),
  z.strictObject({ kind: z.literal("f1") }),
  z.strictObject({ kind: z.literal("cost"), miss: finite, falseAlarm: finite }),
]);

/** Which volumes a warning compares a scan with. */
const familiaritySchema = z.strictObject({
  /** Expected share of scans like those of validation that one such warning is raised for. */
  falseAlarmRate: finite,
  /** Smallest and largest value among the training volumes. Lengths in mm along x, y and z of the scan turned to LPS. */
  geometry: z.strictObject({
    spacing: z.tuple([range, range, range]),
    extent: z.tuple([range, range, range]),
    slices: range,
    /** Degrees between the scan's axes and the patient's. */
    tilt: range,
  }),
  /** Mean histogram of the prepared values of training volumes; the distance is that between cumulative shares. */
  values: z.strictObject({ range, shares: z.array(finite), limit: finite.nullable() }),
  /** What the headers of training volumes say, by column of subjects.csv; absent where they say nothing. */
  facts: z.record(z.string(), z.array(z.string())),
  /** Of the mean embedding of a volume's slices; null for 3D, or where there were too few volumes. */
  embedding: z
    .strictObject({
      /** Model of the distance (fitFamiliarity of @slicestack/stats). */
      model: z.strictObject({
        mean_E: z.array(finite),
        components_KE: z.array(z.array(finite)),
        variance_K: z.array(finite),
        residualVariance: finite,
      }),
      limit: finite.nullable(),
      /** Share of test volumes beyond the limit. */
      testAlarms: z.strictObject({ beyond: z.int(), of: z.int() }).nullable(),
    })
    .nullable(),
});

export const decisionSchema = z.strictObject({
  format: z.literal("slicestack decision"),
  version: z.literal(1),
  /** The model that it holds for: modelHash of its contract and weights. */
  model: sha256,
  /** The validation set. */
  fittedOn: z.strictObject({ volumes: z.int(), subjects: z.int() }),
  calibration: z.strictObject({
    /** Class mixes of training as the model saw it, and of the training set; null where they are the same. */
    priors: z.strictObject({ trained: z.array(finite), target: z.array(finite) }).nullable(),
    /** After the correction for the mix. */
    temperature: z.strictObject({
      temperature: finite,
      atBound: z.boolean(),
      volumes: z.int(),
      nllBefore: finite,
      nllAfter: finite,
    }),
  }),
  /** Of two classes: class 1 where its uncalibrated probability is at least the threshold. */
  thresholds: z.array(z.strictObject({ rule: thresholdRule, threshold: finite })),
  /** Prediction sets of uncalibrated probabilities (predictionSets of @slicestack/stats). */
  sets: z
    .strictObject({
      miss: finite,
      score: z.enum(["lac", "aps"]),
      byClass: z.boolean(),
      quantile_C: z.array(finite.nullable()),
      subjects_C: z.array(z.int()),
    })
    .nullable(),
  /** Where slices vote by a count: the share of slices from which a volume is positive. */
  countVote: z.strictObject({ numerator: z.int(), denominator: z.int() }).nullable(),
  familiarity: familiaritySchema.nullable(),
});

export type Decision = z.output<typeof decisionSchema>;
export type Familiarity = z.output<typeof familiaritySchema>;

/** The decision, if it was fitted for this model: values that were fitted on other weights do not apply. */
export const decisionFor = (decision: Decision | null, model: string): Decision | null =>
  decision?.model === model ? decision : null;

/** The calibrated probabilities of a volume; as given where no calibration was fitted. */
export function calibratedBy(
  decision: Pick<Decision, "calibration"> | null,
  probabilities: readonly number[],
): number[] {
  if (decision === null) return [...probabilities];
  const { priors, temperature } = decision.calibration;
  const corrected = priors === null ? [[...probabilities]] : correctPriors([[...probabilities]], priors);
  return TemperatureScaling.fromJSON(temperature).apply(corrected)[0]!;
}

export function writeDecision(file: string, decision: Decision): void {
  writeFileAtomic(file, sealedJson(decision));
}

/** @returns null where the run was not evaluated yet   @throws RunError where the file is damaged */
export function readDecision(file: string): Decision | null {
  if (!existsSync(file)) return null;
  const remedy = "Evaluate the run again: slicestack evaluate writes it.";
  try {
    const { value, isSealed } = openSealed(readFileSync(file, "utf8"));
    if (!isSealed)
      throw new RunError(file, "has lost the SHA-256 at its end: it was edited by hand, or damaged", remedy);
    const parsed = decisionSchema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new RunError(
      file,
      `is not a decision.json of this version (${issue?.path.join(".")}: ${issue?.message})`,
      remedy,
    );
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new RunError(file, `cannot be read (${error.message})`, remedy);
  }
}
