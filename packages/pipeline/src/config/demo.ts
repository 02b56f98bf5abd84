import { loadConfig } from "./load.js";
import type { RunConfig } from "./types.js";

// The text of configs/demo.yaml without its comments, because the published package holds no configs/ (a test compares).
const DEMO = `
name: demo
task: {class_names: [CT-0, CT-1, CT-2, CT-3, CT-4]}
transform: {window: [-950, -350]}
slice:
  model: slice_cnn
  slices_per_volume: 6
  epochs: 20
  batch_size: 32
  learning_rate: 0.001
  schedule: one_cycle
  dropout: 0
head:
  model: attention
  epochs: 60
  batch_size: 16
  learning_rate: 0.003
  schedule: one_cycle
  dropout: 0.3
`;

/** The configuration of `slicestack demo`. @param overrides dotted snake_case keys, as for loadConfig */
export function demoConfig(overrides: Record<string, string> = {}): RunConfig {
  return loadConfig({ text: DEMO, overrides });
}
