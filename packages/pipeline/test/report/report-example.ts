/** A realistic report, binary or of five grades, as evaluate would hand it over. */
import type { Voters } from "@slicestack/stats";
import { analyse } from "../../src/evaluate/analysis/analysis.js";
import type { Evidence } from "../../src/evaluate/analysis/failures.js";
import { classPrior, majorityBaseline } from "../../src/evaluate/baselines/prior.js";
import type { CostReport } from "../../src/evaluate/cost.js";
import { drawFigures } from "../../src/report/figures/all.js";
import type { Predictions } from "../../src/evaluate/predictions.js";
import type { Flow } from "../../src/report/figures/flow.js";
import { countPart, type PartCounts } from "../../src/report/part-counts.js";
import type { ReportInput } from "../../src/report/report-input.js";
import { compareModels } from "../../src/evaluate/compare/models.js";
import { subgroupColumn } from "../../src/evaluate/subgroups/columns.js";
import { summarise } from "../../src/evaluate/summary.js";
import type { TrainingRow } from "../../src/run/training-rows.js";
import { simulate } from "../evaluate/fixture.js";

/** One grey pixel. */
export const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

/** Predictions of the four models on the test part; the same volumes for all. */
export function examplePredictions(counts: readonly number[]): Predictions[] {
  const of = (model: string, seed: number, signal: number) => simulate({ model, seed, counts, signal });
  const full = of("2.5d", 1, 1.6);
  const train = counts.flatMap((count, label) => new Array<number>(3 * count).fill(label));
  const majority = {
    ...full,
    model: "majority",
    probabilities: majorityBaseline(train, counts.length, full.ids.length),
  };
  return [majority, of("shortcut", 2, 0.3), of("2d_vote", 3, 1.0), full];
}

function curves(stage: string, epochs: number): TrainingRow[] {
  return Array.from({ length: epochs }, (_, epoch) => {
    const rest = Math.exp(-epoch / (epochs / 3));
    return {
      stage,
      epoch,
      train_loss: 0.2 + 1.1 * rest,
      val_loss: 0.5 + 0.8 * rest + 0.03 * Math.sin(3 * epoch),
      val_balanced_accuracy: 0.8 - 0.5 * rest + 0.02 * Math.sin(5 * epoch),
      val_macro_f1: 0.76 - 0.52 * rest + 0.02 * Math.cos(4 * epoch),
      val_auroc: 0.9 - 0.4 * rest,
      val_quadratic_kappa: 0.7 - 0.5 * rest,
      seconds: 12,
    };
  });
}

const COST: CostReport = {
  parts: [
    { name: "slice model", parameters: 11_200_000, multiplyAdds: 600_000_000, timesAVolume: 64 },
    { name: "head", parameters: 34_000, multiplyAdds: 2_200_000, timesAVolume: 1 },
  ],
  parameters: 11_234_000,
  multiplyAdds: 38_402_200_000,
  secondsAVolume: 0.42,
  timed: 5,
  peakMemory: 900 * 2 ** 20,
  device: "cpu",
  threads: 2,
  training: [{ stage: "slice", epochs: 12, seconds: 754 }],
  trainingSeconds: 754,
  trainingPeakMemory: 1.5 * 2 ** 30,
};

const READ = {
  time: "2026-11-23T09:29:00.000Z",
  command: "slicestack evaluate runs/phantom_five_grades",
  weights: { slice: "1f".repeat(32), volume: "2e".repeat(32) },
};

/** Other subjects than those of test. */
function simulateVal(model: string, seed: number, counts: readonly number[]): Predictions {
  const val = simulate({ model, seed, counts, signal: 1.8 });
  return {
    ...val,
    part: "val",
    ids: val.ids.map((id) => `val-${id}`),
    subjects: val.subjects.map((s) => `val-${s}`),
  };
}

/** Sixteen slices a volume, of which those in the middle counted most. */
function evidenceFor({ ids }: Predictions): Evidence[] {
  const places = Array.from({ length: 16 }, (_, k) => k);
  return ids.map((id, i) => ({ id, places, weights: places.map((k) => 1 / (1 + (k - 8 + (i % 3)) ** 2)) }));
}

/** Slices of which more say another class than the first where the volume is of another. */
function exampleVoters(counts: readonly number[]): Voters {
  const labels = counts.flatMap((count, label) => new Array<number>(count).fill(label));
  const slice = (said: number) =>
    Float32Array.from(counts, (_, c) => (c === said ? 0.7 : 0.3 / (counts.length - 1)));
  return {
    labels,
    slices: labels.map((label, i) =>
      Array.from({ length: 16 }, (_, s) => slice(s < 3 + 3 * label + (i % 4) ? label : 0)),
    ),
  };
}

function exampleFlow(parts: PartCounts[], classes: string[]): Flow {
  const sum = (of: (part: PartCounts) => number) => parts.reduce((total, part) => total + of(part), 0);
  const [volumes, subjects] = [sum((part) => part.volumes) + 4, sum((part) => part.subjects) + 4];
  const leftOut = [{ reason: "no class of this task", volumes: 4 }];
  return {
    read: volumes + 2,
    refused: 2,
    dataset: { name: "phantom", volumes, subjects },
    leftOut,
    parts,
    classes,
    external: null,
  };
}

const made = new Map<string, Promise<ReportInput>>();

/** The same one for all tests of a file. */
export function exampleReport(kind: "binary" | "grades"): Promise<ReportInput> {
  const report = made.get(kind) ?? makeReport(kind);
  made.set(kind, report);
  return report;
}

async function makeReport(kind: "binary" | "grades"): Promise<ReportInput> {
  const classes = kind === "binary" ? ["benign", "malignant"] : ["CT-0", "CT-1", "CT-2", "CT-3", "CT-4"];
  const counts = kind === "binary" ? [34, 22] : [18, 30, 14, 11, 4];
  const ordinal = kind === "grades";
  const predictions = examplePredictions(counts);
  const options = { classes, seed: 1, ordinal, resamples: 200 };
  const models = summarise(predictions, options);
  const [, shortcut, vote, full] = predictions as [Predictions, Predictions, Predictions, Predictions];
  const differences = [compareModels(full, vote, options), compareModels(full, shortcut, options)];
  const evidence = evidenceFor(full);
  const val = predictions.map((one, k) => ({ ...simulateVal(one.model, k + 11, counts), model: one.model }));
  const analysis = analyse(
    {
      protocol: "clean",
      ownTest: true,
      predictions: [...val, ...predictions],
      summaries: { val: summarise(val, options), test: models },
      mainModel: "2.5d",
      priors: {
        trained: counts.map(() => 1 / counts.length),
        target: classPrior(full.labels, counts.length),
      },
      kept: null,
      voters: exampleVoters(counts),
      evidence,
      columns: [
        subgroupColumn(
          "site",
          full.ids.map((_, i) => (i % 3 === 0 ? "north" : "south")),
        ),
      ],
      labelsShuffled: false,
    },
    options,
  );
  const part = (name: string, times: number) =>
    countPart(
      name,
      counts.flatMap((count, label) =>
        Array.from({ length: count * times }, (_, i) => ({ subject: `${name}${label}-${i}`, label })),
      ),
      classes.length,
    );
  const parts = [part("train", 3), part("val", 1), part("test", 1)];
  const flow = exampleFlow(parts, classes);
  return {
    title: kind === "binary" ? "lung_nodules_resnet18" : "phantom_five_grades",
    created: "2026-11-23T09:30:00Z",
    task: { description: `Grades a chest CT volume: ${classes.join(", ")}.`, classes, ordinal },
    dataset: { name: "phantom", hash: "5f1c".repeat(16), contents: "int16, 64 × 128 × 128, HU" },
    split: { seed: 7, hash: "9ab0".repeat(16), parts },
    flow,
    participants: {
      columns: ["", "train (n = 3)", "val (n = 1)", "test (n = 1)"],
      rows: [
        ["age, median [quartiles]", "61 [50, 70]", "55 [55, 55]", "70 [70, 70]"],
        ["sex: F", "1 (33 %)", "1 (100 %)", "0 (0 %)"],
      ],
    },
    models,
    mainModel: "2.5d",
    differences,
    figures: await drawFigures({
      summaries: models,
      differences,
      training: [...curves("slice", 12), ...curves("volume", 10)],
      selections: {
        slice: { name: "macro_f1", label: "macro F1", lowerIsBetter: false },
        volume: { name: "auroc", label: "AUROC", lowerIsBetter: false },
      },
      analysis,
      flow,
    }),
    analysis,
    protocol: "clean",
    part: "test",
    external: false,
    notes: [],
    failures: analysis.failures.map(({ id }) => ({
      id,
      picture: {
        source: PIXEL,
        alternative: `Slices of ${id}`,
        view: "window −1000 to 400 HU; R: the patient's right",
      },
      evidence: evidence.find((one) => one.id === id) ?? null,
    })),
    cost: COST,
    ledger: { count: 1, reads: [READ] },
    examples: classes.map((name, i) => ({
      source: PIXEL,
      alternative: `Axial slice of a volume of class ${name}`,
      caption: `Subject ${i}, ${name}, predicted ${name} (0.9${i})`,
    })),
    config:
      "name: phantom_five_grades\nseed: 1\nslice:\n  model: resnet18\n  learning_rate: 0.001\n  epochs: 12\n",
    command: "npx slicestack train --config configs/phantom.yaml --data demo/data",
    environment: { slicestack: "0.1.0", libtorch: "1.13.1", device: "cpu, 2 threads", node: "20.20.0" },
    warnings: ["The split has 4 test volumes of CT-4."].slice(0, ordinal ? 1 : 0),
  };
}
