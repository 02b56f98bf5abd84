/** How often an interval holds the truth: many samples of subjects from a population whose truth is known. */
import { type Interval, type MetricName, Random, scoreAll } from "@slicestack/stats";
import { compareModels } from "../../../src/evaluate/compare/models.js";
import type { Predictions } from "../../../src/evaluate/predictions.js";
import { summarise } from "../../../src/evaluate/summary.js";

/** Two models on a binary task; what they see of a volume is normal, `skill` apart between the classes. */
export interface Population {
  subjects: number;
  /** most volumes of a subject; its number is uniform from 1 on, its volumes are alike (correlation 0.5) */
  volumes: number;
  prevalence: number;
  skill: readonly [number, number];
}

export const COVERED: readonly MetricName[] = [
  "accuracy",
  "balancedAccuracy",
  "macroF1",
  "auroc",
  "cohenKappa",
];

export interface Coverage {
  /** of the first model's metric, and of the difference of the two */
  metric: Record<string, number>;
  difference: Record<string, number>;
}

const LEVEL = 0.95;
const TRUTH = 50_000;

/** Share of the intervals that hold the truth. */
export function coverage(population: Population, samples: number, resamples: number, seed = 1): Coverage {
  const random = new Random(seed).fork(JSON.stringify(population));
  const options = { classes: ["no", "yes"], resamples, level: LEVEL };
  const truth = draw({ ...population, subjects: TRUTH }, random.fork("truth")).map((model) =>
    scoreAll(model, 2, 1),
  );
  const [metric, difference] = [new Tally(), new Tally()];
  for (let sample = 0; sample < samples; sample++) {
    const [first, second] = draw(population, random.fork(sample)) as [Predictions, Predictions];
    if (new Set(first.labels).size < 2) continue;
    const [summary] = summarise([first], { ...options, seed: sample });
    const pair = compareModels(first, second, { ...options, seed: sample });
    for (const name of COVERED) {
      metric.count(name, summary!.metrics[name].interval, truth[0]![name]);
      difference.count(name, pair.metrics[name].interval, truth[0]![name] - truth[1]![name]);
    }
  }
  return { metric: metric.shares(), difference: difference.shares() };
}

class Tally {
  private readonly covered: Record<string, number> = {};
  private readonly counted: Record<string, number> = {};

  /** An interval that is not given (one positive: its AUROC is undefined in many resamples) is no wrong one. */
  count(name: string, { low, high, method }: Interval, truth: number): void {
    if (method === "none") return;
    this.counted[name] = (this.counted[name] ?? 0) + 1;
    this.covered[name] = (this.covered[name] ?? 0) + (low <= truth && truth <= high ? 1 : 0);
  }

  shares(): Record<string, number> {
    return Object.fromEntries(COVERED.map((name) => [name, this.covered[name]! / this.counted[name]!]));
  }
}

function draw({ subjects, volumes, prevalence, skill }: Population, random: Random): Predictions[] {
  const models = skill.map((_, m): Predictions => ({
    model: `m${m}`,
    part: "test",
    ids: [],
    subjects: [],
    labels: [],
    probabilities: [],
  }));
  const normals = () => [random.normal(), random.normal(), random.normal()] as const;
  for (let s = 0; s < subjects; s++) {
    const label = random.uniform() < prevalence ? 1 : 0;
    const ofSubject = normals();
    const count = 1 + Math.floor(random.uniform() * volumes);
    for (let v = 0; v < count; v++) {
      const own = normals().map((x, k) => (volumes === 1 ? x : (x + ofSubject[k]!) / Math.SQRT2));
      models.forEach((model, m) => {
        // Half of what blurs a volume is the same for both models.
        const seen = skill[m]! * (label - 0.5) + (own[0]! + own[m + 1]!) / Math.SQRT2;
        const p = 1 / (1 + Math.exp(-seen));
        model.ids.push(`s${s}-${v}`);
        model.subjects.push(`s${s}`);
        model.labels.push(label);
        model.probabilities.push([1 - p, p]);
      });
    }
  }
  return models;
}

/** A row of docs/explanation/statistics.md. */
export function coverageRow(
  { subjects, volumes, prevalence, skill }: Population,
  { metric, difference }: Coverage,
): string {
  const percent = (table: Record<string, number>) => COVERED.map((name) => (100 * table[name]!).toFixed(1));
  const cells = [
    String(subjects),
    volumes === 1 ? "1" : `1-${volumes}`,
    `${prevalence}, ${skill.join(" / ")}`,
  ];
  return `| ${[...cells, ...percent(metric), ...percent(difference)].join(" | ")} |`;
}
