import { loadConfig } from "./load.js";
import type { RunConfig } from "./types.js";

// The text of configs/demo.yaml without its comments, because the published package holds no configs/ (a test compares).
const DEMO = `
name: demo
task: {class_names: [CT-0, CT-1, CT-2, CT-3, CT-4]}
transform: {window: [-1000, 200]}
slice:
  model: resnet18
  slices_per_volume: 8
  epochs: 8
  batch_size: 16
  learning_rate: 0.001
  schedule: one_cycle
volume:
  head: attention
  epochs: 40
  batch_size: 16
  learning_rate: 0.001
  schedule: one_cycle
  dropout: 0.3
`;

/** The configuration of `slicestack demo`. @param overrides dotted snake_case keys, as for loadConfig */
export function demoConfig(overrides: Record<string, string> = {}): RunConfig {
  return loadConfig({ text: DEMO, overrides });
}
