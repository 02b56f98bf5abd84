/** Compares methods that were trained several times: seeds vary the training, the bootstrap varies the subjects. */
import {
  defaultBins,
  type Estimate,
  groupSubjects,
  holm,
  intervalOf,
  metricIndex,
  type MetricName,
  noInterval,
  oneVolumeEach,
  pairedDifference,
  PredictionsError,
  resampleSubjects,
  runSpread,
  Scorer,
  seededRandom,
  ShapeError,
} from "@slicestack/stats";
import { sampledMean } from "../estimates.js";
import { applies, settings, WITHOUT_INTERVAL, type SummaryOptions } from "../summary-options.js";
import { ensembleOf } from "../group/ensemble.js";
import type { Predictions } from "../predictions.js";
import { warningsOf } from "../summary.js";
import { alignModels } from "./align.js";
import { PairedModels, type PairedTest } from "./paired-models.js";

/** One method: its predictions of the same volumes, one entry per seed. */
export interface Repeats {
  name: string;
  seeds: readonly Predictions[];
}

export interface RepeatedMetric {
  /** one per seed */
  values: number[];
  /** mean over the seeds; the interval is over subjects, with fixed seeds */
  mean: Estimate;
  /** between seeds (n - 1); NaN for one seed */
  sd: number;
}

export interface RepeatedSummary {
  name: string;
  seeds: number;
  metrics: Partial<Record<MetricName, RepeatedMetric>>;
  /** of the seeds' mean probabilities */
  ensemble: Partial<Record<MetricName, number>>;
}

export interface RepeatedDifference {
  first: string;
  second: string;
  /**
   * mean over seeds of the first minus that of the second, with its interval over subjects, its two-sided p, and Holm's
   * adjustment over the differences
   */
  metrics: Partial<Record<MetricName, PairedTest & { adjusted: number }>>;
}

export interface RepeatedComparison {
  volumes: number;
  subjects: number;
  methods: RepeatedSummary[];
  /** The first method against each other one. */
  differences: RepeatedDifference[];
  /** Warnings to read before the numbers: classes with few or no volumes. */
  warnings: string[];
}

/**
 * Scores all methods and seeds on the same resamples of subjects (paired bootstrap), and takes means over seeds within
 * each resample. Two methods of one seed each are compared as compareModels does. Methods may have different numbers of seeds.
 * @param reference the method that is compared with all others
 * @throws ShapeError without methods or seeds; PredictionsError for an unknown name; the errors of alignModels
 */
export function compareRepeated(
  methods: readonly Repeats[],
  metrics: readonly MetricName[],
  options: SummaryOptions & { reference?: string },
): RepeatedComparison {
  if (methods.length === 0 || methods.some(({ seeds }) => seeds.length === 0))
    throw new ShapeError("compareRepeated: methods", "at least one, each with at least one seed", "none");
  const { classes, ordinal, resamples, level, seed } = settings(options);
  const wanted = metrics.filter((name) => applies(name, ordinal));
  const aligned = alignModels(
    methods.flatMap(({ seeds }) => seeds),
    classes,
  );
  const first = aligned[0]!;
  const bins = options.bins ?? defaultBins(first.labels.length);
  const scorers = aligned.map((model) => new Scorer(model, classes, bins));
  const owners = methods.flatMap(({ seeds }, m) => seeds.map(() => m));
  const counts = methods.map(({ seeds }) => seeds.length);
  const scores = new Float64Array(scorers[0]!.count);

  const means = (weights: Float64Array, out: Float64Array) => {
    out.fill(0);
    scorers.forEach((scorer, s) => {
      scorer.score(weights, scores);
      const m = owners[s]!;
      wanted.forEach((name, k) => (out[m * wanted.length + k]! += scores[metricIndex(name)]! / counts[m]!));
    });
  };
  const groups = groupSubjects(first.subjects);
  const independent = oneVolumeEach(groups);
  const resampled = resampleSubjects(means, methods.length * wanted.length, groups, {
    resamples,
    random: seededRandom(seed),
  });
  const seedsOf = (m: number) => aligned.filter((_, s) => owners[s] === m);
  const sampled = (m: number, metric: MetricName) => {
    const k = m * wanted.length + wanted.indexOf(metric);
    return [k, sampledMean(metric, seedsOf(m), independent, [resampled, k])] as const;
  };

  const full = new Float64Array(first.labels.length).fill(1);
  const valuesOf = (scorer: Scorer): number[] => {
    scorer.score(full, scores);
    return wanted.map((name) => scores[metricIndex(name)]!);
  };
  const bySeed = scorers.map(valuesOf);
  const summaries = methods.map(({ name }, m): RepeatedSummary => {
    const seedPredictions = seedsOf(m);
    const ofSeeds = bySeed.filter((_, s) => owners[s] === m);
    const [mean] = ensembleOf(seedPredictions.map((seed) => [{ ...seed, model: name }]));
    const together = valuesOf(new Scorer(mean!, classes, bins));
    return {
      name,
      seeds: seedPredictions.length,
      metrics: record(wanted, (metric, k) => {
        const values = ofSeeds.map((row) => row[k]!);
        const [, mean] = sampled(m, metric);
        const interval = WITHOUT_INTERVAL.includes(metric) ? noInterval(level) : intervalOf(mean, level);
        return { values, mean: { value: mean.value, interval }, sd: runSpread(values).standardDeviation };
      }),
      ensemble: record(wanted, (_, k) => together[k]!),
    };
  });

  const reference = options.reference ?? methods[0]!.name;
  const from = methods.findIndex(({ name }) => name === reference);
  if (from < 0)
    throw new PredictionsError(
      `compareRepeated: no method is named ${reference}; the methods are ${methods.map(({ name }) => name).join(", ")}`,
    );
  const differences = methods.flatMap(({ name }, m): RepeatedDifference[] => {
    if (m === from) return [];
    const shown = wanted.filter((metric) => !WITHOUT_INTERVAL.includes(metric));
    const single =
      counts[from] === 1 && counts[m] === 1
        ? new PairedModels([seedsOf(from)[0]!, seedsOf(m)[0]!], options)
        : null;
    const test = (metric: MetricName): PairedTest =>
      single?.test(0, 1, metric) ?? {
        ...pairedDifference(resampled, sampled(from, metric), sampled(m, metric), level),
        test: "paired bootstrap",
      };
    return [
      {
        first: reference,
        second: name,
        metrics: record(shown, (metric) => ({ ...test(metric), adjusted: Number.NaN })),
      },
    ];
  });
  for (const metric of wanted) {
    const tests = differences.flatMap(({ metrics: seedPredictions }) => seedPredictions[metric] ?? []);
    const adjusted = holm(tests.map(({ p }) => p));
    tests.forEach((test, k) => (test.adjusted = adjusted[k]!));
  }
  return {
    volumes: first.labels.length,
    subjects: new Set(first.subjects).size,
    methods: summaries,
    differences,
    warnings: warningsOf(first, options.classes),
  };
}

function record<T>(
  names: readonly MetricName[],
  of: (name: MetricName, k: number) => T,
): Partial<Record<MetricName, T>> {
  return Object.fromEntries(names.map((name, k) => [name, of(name, k)]));
}
