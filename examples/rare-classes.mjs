/**
 * How each loss and sampler affects rare classes: node examples/rare-classes.mjs OUT [SEEDS]
 * Phantoms in MosMed's proportions, a fifth of its counts (51, 137, 25, 9 and 2 subjects), are used to train every setting below with
 * SEEDS seeds (default 2); each is scored on other phantoms, 20 subjects per class, so that the recall of rare classes can be estimated.
 * Run `make build` first. Results that already exist in OUT are reused. The table goes to stdout as Markdown.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  evaluate,
  generatePhantoms,
  loadConfig,
  makeSplit,
  openDataset,
  prepare,
  train,
  writeSplit,
} from "@slicestack/pipeline";

const CONFIG = `
threads: 1
task: {class_names: [CT-0, CT-1, CT-2, CT-3, CT-4]}
transform: {window: [-950, -350]}
slice: {model: slice_cnn, slices_per_volume: 6, epochs: 20, batch_size: 32, learning_rate: 0.001, schedule: one_cycle, weighted_sampler: false}
head: {model: attention, epochs: 60, batch_size: 16, learning_rate: 0.003, schedule: one_cycle, dropout: 0.3, weighted_sampler: false}
`;

/** Keys of the slice stage; keys that exist in both stages are also set for the volume stage. */
const settings = {
  "plain, cross entropy": {},
  "weighted sampler": { weighted_sampler: "true" },
  "subject sampler": { subject_sampler: "true" },
  "weighted and subject sampler": { weighted_sampler: "true", subject_sampler: "true" },
  "weighted loss, inverse": { weighted_loss: "true" },
  "weighted loss, effective": { weighted_loss: "true", class_weights: "effective" },
  focal: { loss: "focal" },
  ordinal: { loss: "ordinal" },
  "ordinal, weighted sampler": { loss: "ordinal", weighted_sampler: "true" },
  "mixup, weighted sampler": { mixup: "0.2", weighted_sampler: "true" },
  "cutmix, weighted sampler": { cutmix: "1", weighted_sampler: "true" },
  "soft labels, weighted sampler": { soft_labels: "true", weighted_sampler: "true" },
};
const sliceOnly = ["mixup", "cutmix", "soft_labels"];

const [out, seeds = "2"] = process.argv.slice(2);
if (out === undefined) {
  console.error("usage: node examples/rare-classes.mjs OUT [SEEDS]");
  process.exit(2);
}

async function dataset(name, counts, seed) {
  const folder = join(out, name);
  if (existsSync(join(folder, "split.json"))) return openDataset(folder);
  const source = join(out, `${name}-scans`);
  const { labels } = await generatePhantoms({ destination: source, counts, seed, overwrite: true });
  const made = await prepare({
    source,
    labels,
    destination: folder,
    name,
    size: [64, 64],
    depth: 24,
    overwrite: true,
  });
  writeSplit(made, makeSplit(made, { seed: 0, fractions: [0.6, 0.2, 0.2] }));
  return made;
}

/** Recall of each class and summary scores of the 2.5D model on the other phantoms. */
async function scores(name, seed, data, others) {
  const run = join(out, "runs", `${name.replaceAll(/\W+/g, "-")}-${seed}`);
  const file = join(run, "scores.json");
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8"));
  const overrides = { name: name.replaceAll(/\W+/g, "-"), seed: String(seed) };
  for (const [key, value] of Object.entries(settings[name])) {
    overrides[`slice.${key}`] = value;
    if (!sliceOnly.includes(key)) overrides[`volume.${key}`] = value;
  }
  const config = loadConfig({ text: CONFIG, overrides });
  await train({ config, data: data.directory, out: run, resume: existsSync(join(run, "run.json")) });
  const { metrics } = await evaluate({ run, data: others.directory });
  const [summary] = metrics.test.filter(({ model }) => model === "2.5d");
  const result = {
    recall: summary.perClass.map(({ recall }) => recall.value),
    balancedAccuracy: summary.metrics.balancedAccuracy.value,
    kappa: summary.metrics.quadraticKappa.value,
    auroc: summary.metrics.auroc.value,
  };
  writeFileSync(file, JSON.stringify(result));
  console.error(`${name}, seed ${seed}: balanced accuracy ${result.balancedAccuracy.toFixed(2)}`);
  return result;
}

const rare = await dataset("rare", [51, 137, 25, 9, 2], 11);
const balanced = await dataset("balanced", [20, 20, 20, 20, 20], 12);
const mean = (values) => (values.reduce((a, b) => a + b, 0) / values.length).toFixed(2);
const rows = [];
for (const name of Object.keys(settings)) {
  const all = [];
  for (let seed = 0; seed < Number(seeds); seed++) all.push(await scores(name, seed, rare, balanced));
  const recalls = [0, 1, 2, 3, 4].map((label) => mean(all.map(({ recall }) => recall[label])));
  const totals = [
    mean(all.map((result) => result.balancedAccuracy)),
    mean(all.map((result) => result.kappa)),
    mean(all.map((result) => result.auroc)),
  ];
  rows.push(`| ${[name, ...recalls, ...totals].join(" | ")} |`);
}
console.log("| setting | CT-0 | CT-1 | CT-2 | CT-3 | CT-4 | balanced accuracy | quadratic kappa | AUROC |");
console.log("|---|---|---|---|---|---|---|---|---|");
console.log(rows.join("\n"));
