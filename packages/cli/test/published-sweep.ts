/** The published experiments of configs/sweeps/, small enough to run in a test, and what they gave. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const configs = join(import.meta.dirname, "../../../../configs");

/** Their names, without the ending. */
export const publishedSweeps = readdirSync(join(configs, "sweeps"))
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => name.replace(".yaml", ""));

export interface SmallOptions {
  /** A prepared data set. */
  data: string;
  seeds: number;
  /** Of each stage; default 1. */
  epochs?: number;
  /** Further keys that all trials change, e.g. the names of other data's classes. */
  settings?: Record<string, unknown>;
  /** YAML that comes after. */
  more?: string;
}

/**
 * The text of a published sweep for little data: one epoch a stage, float32 on one thread, no download. Its points,
 * methods, models, classes and objective are the published ones.
 */
export function smallPublished(
  name: string,
  { data, seeds, epochs = 1, settings = {}, more = "" }: SmallOptions,
): string {
  const slice = `slice.pretrained: null, slice.epochs: ${epochs}`;
  const text = readFileSync(join(configs, "sweeps", `${name}.yaml`), "utf8")
    .replace(/^config: \.\.\//m, `config: ${configs}/`)
    .replace(/^seeds: \d+$/m, `seeds: ${seeds}`)
    .replace("2D: {method: 2d}", `2D: {method: 2d, ${slice}}`)
    .replace("2.5D: {}", `2.5D: {${slice}, head.epochs: ${epochs}}`)
    .replace(/network\.epochs: \d+/, `network.epochs: ${epochs}`)
    .replace(/network\.warmup_epochs: \d+/, "network.warmup_epochs: 0");
  const all = { device: "cpu", threads: 1, precision: "float32", ...settings };
  return `${text}\ndata: ${data}\nsettings: ${JSON.stringify(all)}\n${more}`;
}

export interface TrialOutcome {
  trial: string;
  status: string;
  objective: number | null;
  metrics: Record<string, number | null>;
  /** The text of its predictions on the validation set. */
  predictions: string;
}

/** What the trials of a sweep gave, by number. */
export function trialOutcomes(sweep: string): TrialOutcome[] {
  const trials = readdirSync(join(sweep, "trials")).sort();
  return trials.map((trial) => {
    const at = (file: string) => join(sweep, "trials", trial, file);
    if (!existsSync(at("result.json")))
      return { trial, status: "open", objective: null, metrics: {}, predictions: "" };
    const { status, objective, metrics } = JSON.parse(
      readFileSync(at("result.json"), "utf8"),
    ) as TrialOutcome;
    const predictions = existsSync(at("val.csv")) ? readFileSync(at("val.csv"), "utf8") : "";
    return { trial, status, objective, metrics, predictions };
  });
}
