/**
 * Which heads tolerate wrong labels of slices? node examples/multiple-instance.mjs OUT [SEEDS]
 * Synthetic volumes of 24 slices with vessels in all of them; those of class 1 also contain one nodule, which is visible in 1, 4 or
 * 12 consecutive slices. The other slices of class 1 inherit a label for a nodule that they do not show. Variants of one configuration
 * are compared by an ablation each (SEEDS seeds, default 3): votes of slices, and heads on their embeddings.
 * Run `make build` first. Results that already exist in OUT are reused. The tables go to stdout as Markdown.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ablate, makeSplit, openDataset, prepare, writeSplit } from "@slicestack/pipeline";
import { writeNpy } from "@slicestack/volume/node";

const [out, seeds = "3"] = process.argv.slice(2);
if (out === undefined) throw new Error("usage: node examples/multiple-instance.mjs OUT [SEEDS]");
const [SIDE, SLICES, VOLUMES] = [32, 24, 300];
const EXTENTS = [1, 4, 12];

const CONFIG = `
name: bags
threads: 1
task: {class_names: [none, nodule]}
transform: {window: [0, 255], augment: none}
slice: {model: slice_cnn, epochs: 8, batch_size: 64, learning_rate: 0.001, schedule: one_cycle, dropout: 0.2, select: auroc}
head: {model: mean, epochs: 30, batch_size: 16, learning_rate: 0.003, schedule: one_cycle, select: auroc}
`;

const STUDY = `
config: config.yaml
seeds: ${Number(seeds)}
metrics: [auroc, balancedAccuracy]
main: attention
variants:
  votes, mean: {method: 2d}
  votes, noisy-or: {method: 2d, slice.vote: noisy_or}
  votes, noisy-or, soft labels: {method: 2d, slice.vote: noisy_or, slice.soft_labels: true, slice.soft_label_warmup: 2}
  mean: {}
  max: {head.model: max}
  top 3: {head.model: {topk: {k: 3}}}
  noisy-or: {head.model: noisy_or}
  attention: {head.model: attention}
  attention, soft labels: {head.model: attention, slice.soft_labels: true, slice.soft_label_warmup: 2}
`;

/** Numbers 0..1, the same in every run (mulberry32). */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A volume (height, width, slices) as uint8, slices last: noise, vessels, and optionally a nodule in `extent` slices. */
function volumeOf(seed, extent) {
  const random = randomOf(seed);
  const values = new Float64Array(SIDE * SIDE * SLICES);
  for (let i = 0; i < values.length; i++) values[i] = 80 + 14 * (random() + random() + random() - 1.5);
  const disc = (z, x, y, radius, contrast) => {
    for (let row = 0; row < SIDE; row++)
      for (let column = 0; column < SIDE; column++) {
        const inside = radius + 0.5 - Math.hypot(column - x, row - y);
        values[(row * SIDE + column) * SLICES + z] += contrast * Math.min(1, Math.max(0, inside));
      }
  };
  const place = () => 5 + random() * (SIDE - 10);
  for (let z = 0; z < SLICES; z++)
    for (let vessel = 0; vessel < 5; vessel++) disc(z, place(), place(), 0.6 + 0.8 * random(), 60);
  const first = Math.floor(random() * (SLICES - extent + 1));
  const [x, y] = [place(), place()];
  for (let z = first; z < first + extent; z++) disc(z, x, y, 3, 45);
  return Uint8Array.from(values, (value) => Math.min(255, Math.max(0, Math.round(value))));
}

async function datasetOf(extent) {
  const directory = join(out, `data-${extent}`);
  if (existsSync(join(directory, "split.json"))) return directory;
  const source = join(out, `volumes-${extent}`);
  for (const label of [0, 1]) mkdirSync(join(source, `class_${label}`), { recursive: true });
  for (let k = 0; k < VOLUMES; k++) {
    const file = join(source, `class_${k % 2}`, `${String(k).padStart(3, "0")}.npy`);
    await writeNpy(file, { shape: [SIDE, SIDE, SLICES], data: volumeOf(1000 + k, k % 2 === 0 ? 0 : extent) });
  }
  await prepare({ source, destination: directory, name: `bags-${extent}`, overwrite: true });
  const dataset = openDataset(directory);
  writeSplit(dataset, makeSplit(dataset, { seed: 0, fractions: [0.5, 0.2, 0.3] }));
  return directory;
}

mkdirSync(out, { recursive: true });
writeFileSync(join(out, "config.yaml"), CONFIG);
for (const extent of EXTENTS) {
  const file = join(out, `bags-${extent}.yaml`);
  writeFileSync(file, `name: ${extent} of ${SLICES} slices show it${STUDY}`);
  const data = await datasetOf(extent);
  const folder = resolve(out, `study-${extent}`);
  const { table } = await ablate({
    file,
    data,
    out: folder,
    part: "test",
    command: `node examples/multiple-instance.mjs OUT ${seeds}`,
  });
  console.log(table);
}
