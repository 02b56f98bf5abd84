/** Writes the model card of a bundle: the model, its performance and its limits, without paths or ids. */
import type { TrainedMember } from "../trained/trained-model.js";
import type { MetricsFile } from "../evaluate/metrics-file.js";

/** The performance of a bundle: numbers with their intervals, without ids. */
export interface BundleMetrics {
  dataset: MetricsFile["run"]["dataset"];
  split: string;
  model: string;
  /** Metrics on the test set, by name. */
  test: Record<string, { value: number; low: number; high: number }>;
}

export interface CardInput {
  name: string;
  licence: string;
  members: readonly TrainedMember[];
  metrics: BundleMetrics | null;
}

/** The metrics that are shown; metrics.json contains all. */
const SHOWN = ["auroc", "accuracy", "balancedAccuracy", "macroF1", "quadraticKappa"];

export function bundleCard({ name, licence, members, metrics }: CardInput): string {
  const { spec } = members[0]!;
  const { height, width, depths, unit } = spec.prepared;
  const trained = spec.trainedOn;
  const count =
    members.length === 1 ? "one model" : `${members.length} models, whose probabilities are averaged`;
  const lines = [
    `# ${name}`,
    "",
    `A ${spec.method.toUpperCase()} classifier of CT volumes, trained with Slicestack: ${count}.`,
    "",
    `- **Classes**: ${spec.classes.names.join(", ")}${spec.classes.ordinal ? " (grades in order)" : ""}`,
    `- **Input**: volumes prepared to ${height} x ${width}, ${depths[0] === depths[1] ? depths[0] : `${depths[0]} to ${depths[1]}`} slices, values in ${unit === "HU" ? "HU" : "arbitrary units"}`,
    `- **Licence of the weights**: ${licence}`,
    "- **Not for**: diagnosis or any other clinical decision. This is a research result and not a medical device.",
    ...(trained === null
      ? []
      : [
          `- **Trained on**: ${trained.dataset.name} (hash ${trained.dataset.hash.slice(0, 16)}), ${trained.volumes.train} volumes, ${trained.volumes.val} for validation`,
        ]),
    "",
    "## Performance",
    "",
    ...(metrics === null
      ? ["Not evaluated, or evaluated as a group: see the report of the run."]
      : [
          `On the test set of ${metrics.dataset.name}, with 95 % intervals:`,
          "",
          "| metric | value |",
          "|---|---|",
          ...SHOWN.flatMap((metric) => {
            const estimate = metrics.test[metric];
            if (estimate === undefined) return [];
            return [
              `| ${metric} | ${estimate.value.toFixed(3)} [${estimate.low.toFixed(3)}, ${estimate.high.toFixed(3)}] |`,
            ];
          }),
        ]),
    "",
    members.every(({ decision }) => decision !== null)
      ? "Probabilities are calibrated on the validation set, and a warning is given for scans unlike the training scans."
      : "Probabilities are not calibrated.",
  ];
  return `${lines.join("\n")}\n`;
}
