/** A run folder as train and evaluate leave it, without the training: for what reads run folders. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random, voteBy } from "@slicestack/stats";
import { configToYaml } from "../../src/config/to-yaml.js";
import { loadConfig } from "../../src/config/load.js";
import type { Protocol } from "../../src/evaluate/analysis/protocols.js";
import { countSlices } from "../../src/evaluate/analysis/slice-votes.js";
import { majorityBaseline } from "../../src/evaluate/baselines/prior.js";
import { metricsText, type MetricsFile } from "../../src/evaluate/metrics-file.js";
import { evaluationMetrics } from "../../src/evaluate/evaluation-metrics.js";
import { writePredictions, type Predictions } from "../../src/evaluate/predictions.js";
import { subgroupColumn } from "../../src/evaluate/subgroups/columns.js";
import { sliceVotesText } from "../../src/report/write-evaluation.js";
import { runPaths, writeRecord } from "../../src/run/folder.js";
import { simulate } from "./fixture.js";

export interface ExampleRun {
  name: string;
  /** Subjects of each class, in val and in test. */
  counts: readonly number[];
  /** How much the main model knows. */
  signal?: number;
  volumesEach?: number;
  seed?: number;
  protocol?: Protocol;
  /** Put before the ids of the test volumes: another test set. */
  prefix?: string;
}

const DEPTH = 12;

/** Writes a run and gives its numbers. */
export function exampleRun(folder: string, options: ExampleRun): MetricsFile {
  const { name, counts, signal = 1.5, volumesEach = 1, seed = 1, protocol = "clean", prefix = "" } = options;
  const classes = counts.map((_, c) => `CT-${c}`);
  const of = (part: "val" | "test", model: string, salt: number, strength: number): Predictions => {
    const all = simulate({ model, seed: 100 * seed + salt, counts, signal: strength, volumesEach });
    const before = part === "val" ? "val-" : prefix;
    const named = (texts: readonly string[]) => texts.map((text) => `${before}${text}`);
    return { ...all, part, ids: named(all.ids), subjects: named(all.subjects) };
  };
  const parts = protocol === "clean" ? (["val", "test"] as const) : (["val"] as const);
  const slices = new Map(
    parts.map((part, k) => [part, slicesOf(of(part, "", 0, 0).labels, counts.length, seed + k)]),
  );
  const predictions = parts.flatMap((part, k): Predictions[] => {
    const main = of(part, "2.5d", 10 * k, signal);
    const train = main.labels;
    const val = { slices: slices.get("val")!, labels: of("val", "", 0, 0).labels };
    const votes = (model: string, rule: "mean" | "count") => {
      const { probabilities } = voteBy(rule, { val, volumes: slices.get(part)!, k: 8 });
      return { ...main, model, probabilities };
    };
    return [
      { ...main, model: "majority", probabilities: majorityBaseline(train, counts.length, train.length) },
      of(part, "shortcut", 10 * k + 1, 0.3),
      votes("2d_vote", "mean"),
      votes("2d_count", "count"),
      main,
    ];
  });
  const scored = predictions.at(-1)!;
  const target = counts.map((count) => count / counts.reduce((a, b) => a + b, 0));
  const run: MetricsFile["run"] = {
    name,
    method: "2.5d",
    seed,
    mainModel: "2.5d",
    classes,
    ordinal: counts.length > 2,
    dataset: { name: "simulated", hash: "5f1c".repeat(16) },
    splitHash: "9ab0".repeat(16),
    external: null,
    labelsShuffled: false,
  };
  const sites = scored.subjects.map((subject) =>
    Number(/-(\d+)$/.exec(subject)![1]) % 3 === 0 ? "north" : "south",
  );
  const numbers = evaluationMetrics(
    {
      protocol,
      run,
      predictions,
      priors: { trained: counts.map(() => 1 / counts.length), target },
      kept: null,
      voters: { slices: slices.get("val")!, labels: of("val", "", 0, 0).labels },
      evidence: [],
      columns: [subgroupColumn("site", sites)],
    },
    { classes, seed, ordinal: run.ordinal, resamples: 400 },
  );
  write(folder, numbers, predictions);
  const counted = parts.map((part) => countSlices(of(part, "", 0, 0), slices.get(part)!));
  writeFileSync(join(folder, "slice_votes.csv"), sliceVotesText(counted));
  return numbers;
}

/** Volumes x slices x classes; the middle slices say the class, most of the time. */
function slicesOf(labels: readonly number[], classes: number, seed: number): Float32Array[][] {
  const random = new Random(seed);
  return labels.map((label) =>
    Array.from({ length: DEPTH }, (_, s) => {
      const shows = s >= 3 && s < 8 && random.chance(0.8);
      const logits = Float32Array.from(
        { length: classes },
        (_x, c) => random.normal() + (shows && c === label ? 3 : c === 0 ? 1 : 0),
      );
      const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
      return logits.map((logit) => Math.exp(logit) / sum);
    }),
  );
}

function write(folder: string, numbers: MetricsFile, predictions: readonly Predictions[]): void {
  const paths = runPaths(folder);
  mkdirSync(folder, { recursive: true });
  const config = loadConfig({ text: `name: ${numbers.run.name}\n` });
  writeFileSync(paths.config, configToYaml(config));
  writePredictions(paths.predictions, predictions);
  writeFileSync(paths.summary, metricsText(numbers));
  // Macro F1, which chooses, is best one epoch before balanced accuracy.
  const rows = [0.4, 0.5, 0.7, 0.6].map((score, epoch) => ({
    stage: "volume",
    epoch,
    train_loss: 1 - epoch / 8,
    val_loss: 1,
    val_balanced_accuracy: score,
    val_macro_f1: [0.3, 0.65, 0.6, 0.5][epoch],
    seconds: 1.5,
  }));
  writeFileSync(paths.metrics, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  writeRecord(folder, {
    version: 1,
    dataset: { directory: "/nowhere", name: "simulated", hash: numbers.run.dataset.hash },
    splitHash: numbers.run.splitHash,
    created: "2026-11-23T09:30:00.000Z",
    status: "trained",
    command: "slicestack train",
    classes: numbers.run.classes,
    versions: {},
    environment: {},
    testReads: 1,
  });
}
