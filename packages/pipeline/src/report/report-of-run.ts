/** Builds the input of a report from a run and its numbers. */
import { configToYaml } from "../config/to-yaml.js";
import type { Dataset } from "../data/store.js";
import type { TaskVolume } from "../data/task.js";
import { PEAK_MEMORY } from "../run/folder.js";
import type { Ledger } from "../run/ledger.js";
import type { OpenRun } from "../run/open-run.js";
import type { Evidence } from "../evaluate/analysis/failures.js";
import type { CostReport } from "../evaluate/cost.js";
import type { MetricsFile } from "../evaluate/metrics-file.js";
import { cohortTable, flowOf } from "./cohort.js";
import type { ScoredPart } from "../evaluate/run-predictions.js";
import type { Pictures } from "./pictures.js";
import { countPart } from "./part-counts.js";
import type { ReportInput } from "./report-input.js";

export interface ReportFacts extends Pictures {
  metrics: MetricsFile;
  /** The scored data set. */
  dataset: Dataset;
  scored: ScoredPart;
  cost: CostReport;
  ledger: Ledger;
  evidence: readonly Evidence[];
  /** On another data set, or on an imported checkpoint. */
  notes: readonly string[];
  /** Of this evaluation. */
  command: string;
}

/** Everything except the figures, which are drawn from it. */
export type ReportDraft = Omit<ReportInput, "figures">;

export function reportInput(opened: OpenRun, facts: ReportFacts): ReportDraft {
  const { config, record, split, task } = opened;
  const { metrics, dataset, scored, cost, ledger, evidence, command, notes, examples, failures } = facts;
  const { names, count } = task.classes;
  const { info } = dataset;
  const { protocol, run, differences } = metrics;
  const depth = info.depth === "native" ? "native depth" : `${info.depth} slices`;
  const evidenceOf = new Map(evidence.map((volumeEvidence) => [volumeEvidence.id, volumeEvidence]));
  const title = run.external === null ? config.name : `${config.name} on ${info.name}`;
  const ofRun = { name: "run", opened };
  const other = run.external === null ? null : { ...scored, dataset };
  const tested = scored.part === "test" ? scored.volumes : task.parts.test;
  return {
    title: protocol === "paper" ? `${title}, paper protocol` : title,
    created: new Date().toISOString(),
    protocol,
    part: scored.part,
    external: run.external !== null,
    notes: [...notes],
    task: { description: `${count} classes: ${names.join(", ")}`, classes: names, ordinal: run.ordinal },
    dataset: {
      name: info.name,
      hash: info.hash,
      contents: `${info.count} volumes, ${depth} of ${info.height} x ${info.width}, ${info.dtype}${info.unit === "HU" ? ", HU" : ""}`,
      attribution: info.attribution,
    },
    split: {
      seed: split.seed,
      hash: split.hash,
      parts: [
        countPart("train", subjectsOf(task.parts.train), count),
        countPart("val", subjectsOf(task.parts.val), count),
        countPart(run.external === null ? "test" : `${info.name}, external`, subjectsOf(tested), count),
      ].filter(({ volumes }) => volumes > 0),
    },
    flow: opened.record.imported === undefined ? flowOf([ofRun], other) : null,
    participants: cohortTable([ofRun], other),
    models: metrics[scored.part],
    mainModel: run.mainModel,
    differences,
    analysis: metrics,
    ...(examples.length === 0 ? {} : { examples }),
    failures: metrics.failures.map(({ id }) => ({
      id,
      picture: failures.get(id) ?? null,
      evidence: evidenceOf.get(id) ?? null,
    })),
    cost,
    ledger,
    config: configToYaml(config),
    command: `${record.command}\n${command}`,
    environment: environmentOf(opened),
    warnings: warningsOf(opened, dataset, facts),
  };
}

function subjectsOf(volumes: readonly TaskVolume[]) {
  return volumes.map(({ subject, label }) => ({ subject, label }));
}

function environmentOf({ record }: OpenRun): Record<string, string> {
  const all = { ...record.versions, ...record.environment };
  delete all[PEAK_MEMORY]; // shown under cost
  return all;
}

function warningsOf(
  { split, config }: OpenRun,
  { info }: Dataset,
  { metrics, notes }: ReportFacts,
): string[] {
  const optimistic =
    "Paper protocol: epoch, thresholds and scores come from the same validation part. These scores are too optimistic; they serve for comparison with the publication and with the clean protocol.";
  const shuffled =
    "Control run: the labels of train and val were exchanged between subjects. Every score should be at chance.";
  return [
    ...notes,
    ...(metrics.protocol === "paper" ? [optimistic] : []),
    ...(config.task.shuffleLabels ? [shuffled] : []),
    ...split.warnings,
    ...(info.quarantined ?? []).map(({ source, reason }) => `${source} was quarantined: ${reason}`),
  ];
}
