/** Configurations of runs that earlier versions began: read with the keys of this one, whatever their method. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import "../../src/models/catalogue.js";
import { loadConfig } from "../../src/config/load.js";
import { configToYaml } from "../../src/config/to-yaml.js";

const file = join(import.meta.dirname, "../../../../../fixtures/runs/version-0.1/run/config.yaml");
type Sections = Record<string, Record<string, unknown>>;

/** The stored file of version 0.1 with some keys of its sections changed, as that version wrote all of them. */
function stored(method: string, changes: Sections = {}): string {
  const root = parse(readFileSync(file, "utf8")) as Sections;
  const changed = Object.entries(root).map(([name, value]) => [
    name,
    name in changes ? { ...value, ...changes[name] } : value,
  ]);
  return stringify({ ...Object.fromEntries(changed), method });
}

const common = `
name: demo
threads: 1
precision: float32
task: {class_names: [CT-0, CT-1, CT-2, CT-3, CT-4]}
transform: {window: [-950, -350]}
`;
const slice =
  "slice: {model: slice_cnn, slices_per_volume: 6, epochs: 1, learning_rate: 0.001, schedule: one_cycle, dropout: 0}";
const stage = "epochs: 1, batch_size: 16, learning_rate: 0.003, schedule: one_cycle, dropout: 0.3";

const cases: [what: string, old: string, now: string][] = [
  ["2.5d", stored("2.5d"), `${common}${slice}\nhead: {model: attention, ${stage}}`],
  ["2d", stored("2d"), `${common}method: 2d\n${slice}`],
  ["3d", stored("3d"), `${common}method: 3d\nnetwork: {model: simple_modular, ${stage}}`],
  [
    "3d with its keys",
    stored("3d", {
      volume: { model: "attn", size: [32, 32, 16], fit: "pad", loss: "focal", focal_gamma: 1 },
    }),
    `${common}method: 3d\nnetwork: {model: attn, size: [32, 32, 16], fit: pad, loss: {focal: {gamma: 1}}, ${stage}}`,
  ],
  [
    "2.5d with options of the head",
    stored("2.5d", { volume: { head: "gru", width: 16, layers: 2, slices: 5, views: 1 } }),
    `${common}${slice}\nhead: {model: {gru: {width: 16, layers: 2}}, slices: 5, views: 1, ${stage}}`,
  ],
  [
    "2.5d with options of a plug-in's head beside those of its name",
    stored("2.5d", { volume: { head: { topk: { k: 3 } } } }),
    `${common}${slice}\nhead: {model: {topk: {k: 3}}, ${stage}}`,
  ],
  [
    "the focal loss, with options and with its defaults",
    stored("2.5d", {
      slice: { loss: "focal" },
      volume: { loss: "focal", focal_gamma: 0, focal_alpha: [1, 2, 3, 4, 5] },
      fine_tune: { epochs: 2 },
    }),
    `${common}${slice.replace("{", "{loss: focal, ")}\nhead: {model: attention, loss: {focal: {gamma: 0, alpha: [1, 2, 3, 4, 5]}}, ${stage}}\nfine_tune: {epochs: 2}`,
  ],
];

for (const [what, old, now] of cases)
  test(`a stored configuration of version 0.1, ${what}, is read as the same run`, () => {
    const config = loadConfig({ text: old, isStored: true });
    assert.deepEqual(config, loadConfig({ text: now }));
    assert.deepEqual(loadConfig({ text: configToYaml(config), isStored: true }), config);
  });

test("as a new file, the configuration of an old run is refused key by key, with the new names", () => {
  assert.throws(() => loadConfig({ file }), {
    name: "ConfigError",
    message: /config\.yaml:65:3: volume\.head is now head\.model\n/,
  });
});
