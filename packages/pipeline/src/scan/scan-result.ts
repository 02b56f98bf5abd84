/** The result for one scan; its schema is docs/reference/prediction.schema.json. */
import { decideVolume, predictionSet, type OperatingPoint } from "@slicestack/stats/internal/applied";
import { z } from "zod";
import { meanOf } from "../predict/mean-of.js";
import { calibratedBy, type Decision } from "../models/decision.js";
import type { MemberOutcome } from "./scan-job.js";

export const RESULT_FORMAT = "slicestack prediction";

const share = z.number().min(0).max(1);
const byClass = z.record(z.string(), share);

export const scanResultSchema = z.strictObject({
  format: z.literal(RESULT_FORMAT),
  version: z.literal(1),
  id: z
    .string()
    .describe("Id of the scan: the SeriesInstanceUID of a DICOM series, otherwise the name of its file"),
  source: z.string().describe("Where the scan was found"),
  sha256: z
    .string()
    .describe("SHA-256 of its file, or of the hashes of its files, in order, if there are several"),
  model: z.strictObject({
    name: z.string(),
    method: z.enum(["2d", "2.5d", "3d"]),
    sha256: z
      .string()
      .describe(
        "Hash of the contract and the weights, independent of the model's name; with several members, of their hashes",
      ),
    members: z.int().describe("Number of models whose probabilities are averaged; 1 for a run"),
  }),
  probabilities: byClass.describe("By class; calibrated if calibrated is true"),
  uncalibrated: byClass.describe("By class, as computed by the model"),
  calibrated: z.boolean().describe("Whether an evaluation of the model had fitted a calibration"),
  decision: z.strictObject({
    class: z.string(),
    rule: z
      .enum(["largest probability", "youden", "sensitivity", "specificity"])
      .describe(
        "Largest uncalibrated probability, or a threshold on that of the second class, chosen on the validation set",
      ),
    threshold: share
      .or(z.literal(2))
      .nullable()
      .describe("null if the rule is the largest probability; 2: never the second class"),
  }),
  set: z
    .strictObject({
      classes: z.array(z.string()),
      miss: share.describe(
        "Expected share of scans, among scans like those for validation, whose set misses the true class",
      ),
    })
    .nullable()
    .describe("Conformal prediction set; null if none was fitted"),
  slices: z
    .array(
      z.strictObject({
        slice: z
          .int()
          .nullable()
          .describe("Axial slice of the prepared scan, counted from 0 at the feet; null in another plane"),
        weight: z
          .number()
          .nullable()
          .describe("Its weight: its share, its attention, or its probability of the class"),
      }),
    )
    .describe("Slices that the model saw; empty for 3D models"),
  warnings: z.array(z.strictObject({ code: z.string(), message: z.string() })),
  scan: z.strictObject({
    shape: z.array(z.int()).describe("Voxels along x, y and z, turned to LPS, before preparation"),
    spacing: z.array(z.number()).describe("mm"),
    facts: z
      .record(z.string(), z.string())
      .describe("Modality, body part, kernel, manufacturer, and corrections made by the preparation"),
  }),
  maps: z.array(z.string()).describe("NIfTI files of --explain, in the same folder"),
  seconds: z.strictObject({ prepare: z.number(), predict: z.number() }),
  versions: z.record(z.string(), z.string()),
});

export type ScanResult = z.output<typeof scanResultSchema>;

export type { OperatingPoint };

/** Computes the probabilities, decision and set of a scan from the predictions of its members and their evaluations. */
export function decide(
  classes: readonly string[],
  outcomes: readonly Pick<MemberOutcome, "probabilities">[],
  decisions: readonly (Decision | null)[],
  point: OperatingPoint | null,
): Pick<ScanResult, "probabilities" | "uncalibrated" | "calibrated" | "decision" | "set"> {
  const uncalibrated = meanOf(outcomes.map(({ probabilities }) => probabilities));
  const isCalibrated = decisions.every((decision) => decision !== null);
  const calibrated = outcomes.map(({ probabilities }, k) =>
    calibratedBy(decisions[k] ?? null, probabilities),
  );
  // Thresholds and sets are valid only for the probabilities on which they were fitted, which are those of one model.
  const single = outcomes.length === 1 ? (decisions[0] ?? null) : null;
  return {
    probabilities: named(classes, isCalibrated ? meanOf(calibrated) : uncalibrated),
    uncalibrated: named(classes, uncalibrated),
    calibrated: isCalibrated,
    decision: decideVolume(classes, uncalibrated, single?.thresholds ?? [], point ?? undefined),
    set: predictionSet(classes, uncalibrated, single?.sets ?? null),
  };
}

const named = (classes: readonly string[], values: readonly number[]): Record<string, number> =>
  Object.fromEntries(classes.map((name, c) => [name, values[c]!]));
