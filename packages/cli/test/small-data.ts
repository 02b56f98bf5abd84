/** Generated scans, prepared small, for tests of commands that train. */
import { join } from "node:path";
import { generatePhantoms, prepare } from "@slicestack/pipeline";

/** 20 subjects of five classes, 8 slices of 32 x 32 each, in the folder `data` below `folder`. */
export async function smallData(folder: string): Promise<void> {
  const source = join(folder, "scans");
  const { labels } = await generatePhantoms({
    destination: source,
    subjects: 20,
    seed: 3,
    size: 48,
    minimum: 4,
    workers: 1,
  });
  await prepare({
    source,
    destination: join(folder, "data"),
    labels,
    size: [32, 32],
    depth: 8,
    workers: 1,
    name: "small",
  });
}

/** Both stages in a second; `more` is YAML that comes after. */
export const smallConfig = `
name: small
threads: 1
precision: float32
slice: {model: slice_cnn, epochs: 2, batch_size: 8, slices_per_volume: 4, dropout: 0}
head: {model: attention, epochs: 2, batch_size: 8, dropout: 0}
`;

/** The same as a 2D method, which has no head. */
export const small2dConfig = `${smallConfig.replace(/^head:.*\n/m, "")}method: 2d\n`;

/** `train` on that data with that configuration. */
export const trainSmall = (out: string, ...more: string[]): string[] => [
  "train",
  "--config",
  "small.yaml",
  "--data",
  "data",
  "--out",
  out,
  ...more,
];

/** With these, several processes have the losses of one. */
export const synchronised = ["--slice.sync_batch_norm", "true", "--head.sync_batch_norm", "true"];

export interface MetricsRow {
  stage: string;
  epoch: number;
  train_loss: number;
  val_loss: number;
}

/** @param text of metrics.jsonl */
export const metricsRows = (text: string): MetricsRow[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as MetricsRow);
